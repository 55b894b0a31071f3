"""Name every way in which our own hub can be broken on purpose: server cases must notice."""

from collections.abc import Mapping

from harness.defects import nearest
from harness.hub.communications import CommunicationsHub
from harness.hub.server import Hub
from harness.servers.broken import answers, blocks, offers
from harness.servers.defect import ServerDefect, defect
from harness.servers.gb_defects import GB_DEFECTS

_DEFECTS: tuple[ServerDefect, ...] = (
    defect(
        301,
        offers.DeafToUnicastDiscovery,
        "answers Match_Desc_req only where everybody is asked",
        "ZigBee 05-3474, 2.4.4.2.7: a request to the node itself is answered too",
        "match_descriptor_is_answered",
    ),
    defect(
        302,
        offers.PadsOffers,
        "sends offers with an octet too many",
        "ZCL 11.13.5: 13 octets",
        "offer_names_what_is_served",
    ),
    defect(
        303,
        offers.RefusesInGeneral,
        "says that there is no image in a Default Response",
        "zsmartsystems PR 762 and 788: clients asked again and again",
        "no_image_is_said_in_one_octet",
    ),
    defect(
        304,
        offers.NamesWhatItHasNot,
        "names ids and size behind NO_IMAGE_AVAILABLE",
        "zigpy 2.4.0, ota/manager.py: the fields go out whatever the status",
        "no_image_is_said_in_one_octet",
    ),
    defect(
        305,
        offers.IgnoresHardware,
        "does not look at the hardware version of the query",
        "herdsman-converters 9356; zigpy 1566: another version was compared",
        "hardware_range_includes_its_ends",
    ),
    defect(
        306,
        offers.ExcludesTheHighestHardware,
        "leaves the highest hardware version of the range out",
        "ZigBee OTA 095264, 6.10.4.4: both ends belong to it",
        "hardware_range_includes_its_ends",
    ),
    defect(
        307,
        offers.NeedsHardware,
        "answers FAILURE to a query without hardware version",
        "ZCL 11.13.4: the field may be missing",
        "query_without_hardware_version_is_answered",
    ),
    defect(
        308,
        offers.OffersTheNext,
        "offers the next version instead of the highest",
        "ZCL 11.13.4: the highest version that it holds",
        "highest_version_is_offered",
    ),
    defect(
        309,
        offers.CountsByItself,
        "answers under a sequence number of its own",
        "zigpy 2.4.0, ota/manager.py: so it does in pages",
        "answer_goes_back_the_way_the_request_came",
    ),
    defect(
        310,
        offers.WantsToBeAnswered,
        "asks for Default Responses to its answers",
        "zsmartsystems 1217 and 1078: devices answered, and stayed waiting to upgrade",
        "answer_goes_back_the_way_the_request_came",
    ),
    defect(
        311,
        offers.ForgetsTheProfile,
        "says that there is no image in the profile of another endpoint",
        "zigpy 154: bulbs asked without end",
        "answer_goes_back_the_way_the_request_came",
    ),
    defect(
        312,
        offers.LooksAtNoMaker,
        "offers an image to devices of another manufacturer",
        "ZCL 11.13.4: manufacturer and image type must be the image's",
        "nobody_elses_image_is_offered",
    ),
    defect(
        313,
        offers.LooksAtNoType,
        "offers an image to devices of another image type",
        "ZCL 11.13.4: manufacturer and image type must be the image's",
        "nobody_elses_image_is_offered",
    ),
    defect(
        314,
        offers.OffersTheSameAgain,
        "offers a device what it runs",
        "zigbee2mqtt 26459; zigpy 497: the same update without end",
        "running_version_is_not_offered",
    ),
    defect(
        315,
        blocks.IgnoresTheMaximum,
        "sends blocks of its own size whatever the client has room for",
        "zigbee2mqtt 3010; Nerivec/zigbee-on-host 135: blocks overran buffers",
        "block_is_within_the_maximum",
    ),
    defect(
        316,
        blocks.CountsOffsetsItself,
        "counts the offset by itself, and ignores the one asked for",
        "espressif/esp-zigbee-sdk 793; arduino-esp32 12469",
        "block_needs_no_query",
        "duplicate_request_is_answered_twice",
        "whole_file_is_the_file",
    ),
    defect(
        317,
        blocks.EndsTooSoon,
        "takes a rest of less than four octets for the end of the file",
        "espressif/esp-zigbee-sdk 793: the short last block was wrong",
        "last_block_ends_with_the_file",
    ),
    defect(
        318,
        blocks.ServesNothingBehindTheEnd,
        "serves empty blocks behind the end of the file",
        "zigbee-herdsman, helpers/ota: a block is clipped to nothing",
        "nothing_is_behind_the_end",
    ),
    defect(
        319,
        blocks.WrapsAround,
        "takes the low 24 bits of an offset",
        "ZCL 11.13.6: the offset has 32 bits",
        "nothing_is_behind_the_end",
    ),
    defect(
        320,
        blocks.WedgedByTheEnd,
        "serves a device no more that asked behind the end",
        "zigpy 2.4.0, ota/manager.py: it ends the session",
        "nothing_is_behind_the_end",
    ),
    defect(
        321,
        blocks.WedgedByAComplaint,
        "serves a device no more that called a block malformed",
        "zigbee2mqtt 32168: the server hung",
        "complaint_of_a_client_ends_nothing",
    ),
    defect(
        322,
        blocks.WedgedByAStorm,
        "serves a device no more that asked for too much at once",
        "zigbee2mqtt 15139: requests were dropped silently from then on",
        "storm_is_weathered",
    ),
    defect(
        323,
        blocks.LosesPatience,
        "serves a device no more that begins for the eleventh time",
        "zsmartsystems 1241: a device that begins again stays at offset 0 for ever",
        "endless_restarts_wear_nothing_out",
    ),
    defect(
        324,
        blocks.ServesWhateverItHas,
        "serves what it holds under whatever version is asked for",
        "zigpy 2.4.0, ota/manager.py; zigbee-herdsman: the ids of a request are not looked at",
        "unknown_image_is_refused",
    ),
    defect(
        325,
        blocks.StumblesOverTheAddress,
        "calls a request malformed that names address and period",
        "ZCL 11.13.6: both may be there, the address first",
        "address_and_period_are_read",
    ),
    defect(
        326,
        blocks.WantsThePeriod,
        "calls a request malformed that announces a period and leaves it out",
        "zigbee2mqtt 28217, before its workaround",
        "missing_period_is_tolerated",
    ),
    defect(
        327,
        blocks.LeavesTheRate,
        "serves at whatever rate the client reports",
        "ota-server-policy.c of the Simplicity SDK does otherwise: the rate is the server's",
        "rate_is_changed_before_data_goes_out",
    ),
    defect(
        328,
        blocks.WaitsForEver,
        "lets a client wait that keeps its rate",
        "ZCL 11.13.8.4: data follows once the period is the server's",
        "rate_is_changed_before_data_goes_out",
    ),
    defect(
        329,
        blocks.DropsDuplicates,
        "drops a request that came twice",
        "zigbee-herdsman 1852: a request that came during a response was lost",
        "duplicate_request_is_answered_twice",
    ),
    defect(
        330,
        blocks.TakesAnyFrameType,
        "takes frames of a reserved type for commands",
        "ZCL 2.4.1.1.1: only the cluster's own frames carry its commands",
        "reserved_frame_type_is_no_request",
    ),
    defect(
        331,
        blocks.LooksAtNoDirection,
        "takes a frame from a server for a request",
        "ZCL 2.4.1.1.3: the direction bit says whose command it is",
        "command_from_a_server_is_not_a_request",
    ),
    defect(
        332,
        answers.HurriesPages,
        "sends the blocks of a page as fast as it can",
        "zigbee-herdsman, helpers/ota: the spacing of a page request is not looked at",
        "page_is_streamed_at_its_pace",
    ),
    defect(
        333,
        answers.RunsOffTheEnd,
        "goes on with empty blocks behind the end of a page's file",
        "zigbee-herdsman, helpers/ota: the loop over a page does not look at the file's size",
        "page_stops_at_the_end_of_the_file",
    ),
    defect(
        334,
        answers.SilentOnPages,
        "says nothing to a page request that it does not serve",
        "zigpy PR 1431: the client waited ten seconds for each page",
        "page_is_refused_where_there_are_none",
    ),
    defect(
        335,
        answers.EndsForAnybody,
        "ends every upgrade with wildcards for ids",
        "espressif/esp-zigbee-sdk 466",
        "success_is_answered_with_ids_and_times",
    ),
    defect(
        336,
        answers.ThanksForEverything,
        "tells a device to activate what it refused",
        "zigpy 2.4.0, ota/manager.py answers 0x07 to any status",
        "failure_is_not_told_to_activate",
    ),
    defect(
        337,
        answers.TakesHalfAVerdict,
        "takes an Upgrade End Request that is cut short for a whole one",
        "ota.h of the Simplicity SDK: the least length that its server takes is 1 octet",
        "half_a_verdict_is_none",
        "half_a_command_is_called_malformed",
    ),
    defect(
        338,
        answers.SilentOnNonsense,
        "says nothing to a request that is cut short",
        "zigpy 2.4.0: what cannot be read is dropped",
        "half_a_command_is_called_malformed",
    ),
    defect(
        339,
        answers.FillsUpHalves,
        "fills up a block request that is cut short, and serves it",
        "ota.h of the Simplicity SDK: its server takes lengths below the command's",
        "flood_of_halves_leaves_the_server_whole",
    ),
    defect(
        340,
        answers.StumblesOverNothing,
        "is silent for ever once a frame had no header",
        "zigbee2mqtt 32168: a server that hangs on what it did not expect",
        "no_frame_at_all_does_no_harm",
    ),
    defect(
        341,
        answers.SilentOnOwnFiles,
        "says nothing to a query for a file of the device's own",
        "ZCL 2.5.12: an unsupported command is answered",
        "own_file_is_refused_where_there_are_none",
    ),
    defect(
        342,
        answers.HandsOutOwnFiles,
        "offers firmware where credentials were asked for",
        "ZCL 11.13.12: the file is for one device alone",
        "own_file_is_refused_where_there_are_none",
        "file_of_one_device_is_offered_to_it_alone",
    ),
    defect(
        343,
        answers.ForgetsSlowDevices,
        "gives a device up a minute after its last block",
        "zigpy 1557; herdsman-converters 6657: devices verify for minutes",
        "late_verdict_is_answered",
    ),
    defect(
        344,
        answers.AsksEverybody,
        "asks for Default Responses to a broadcast",
        "ota-server.c of the Simplicity SDK does otherwise; ZCL 11.13.3",
        "broadcast_notify_wants_no_default_response",
    ),
    defect(
        345,
        answers.GivesUpOnTheDeaf,
        "ends the session where a notify is not followed by a query in half a minute",
        "zigpy 1891; zigbee2mqtt 27084: sleepy devices missed it",
        "unheard_notify_ends_nothing",
    ),
    defect(
        346,
        answers.AnswersComplaints,
        "answers Default Responses",
        "ZCL 2.5.12.2: a Default Response is never answered",
        "default_response_is_not_answered",
    ),
    defect(
        347,
        answers.SilentOnUnknownCommands,
        "says nothing to commands that it does not know",
        "ZCL 2.5.12: an unsupported command is answered",
        "unknown_command_is_refused",
    ),
    defect(
        348,
        blocks.ForgetsItsImages,
        "serves octets of the file's begin once it has restarted",
        "espressif/esp-zigbee-sdk 793: the offset asked for is not looked at",
        "restarted_server_goes_on",
    ),
    defect(
        380,
        answers.LooksAtNoDestination,
        "hands the file of one device to any that asks",
        "ZCL 11.4.2.12: only the device that the header names may use it",
        "file_of_one_device_is_offered_to_it_alone",
    ),
    defect(
        381,
        answers.KnowsNoOwnFiles,
        "has files for single devices, and does not know the query for them",
        "ZCL 11.13.12: the answer to a query that is served is command 0x09",
        "file_of_one_device_is_offered_to_it_alone",
    ),
)

#: Every defect of a server, by its id.
SERVER_DEFECTS: Mapping[str, ServerDefect] = {one.id: one for one in (*_DEFECTS, *GB_DEFECTS)}


def hub_of(id: str | None) -> type[Hub]:
    """Return the hub with a defect, our own for None.

    Raises:
        KeyError: No defect of a server has this id; the message names a close one.
    """
    if id is None:
        return CommunicationsHub
    found = SERVER_DEFECTS.get(id)
    if found is None:
        raise KeyError(f"no defect of a server {id!r}{nearest(id, list(SERVER_DEFECTS))}")
    return found.hub
