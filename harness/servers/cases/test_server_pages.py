"""Pages: every block in its turn, at its pace, to the end of the file and not beyond."""

from emulator.units import MILLISECOND
from emulator.wire import ota
from emulator.wire.ota import Status
from harness.covers import covers
from harness.servers.bench import ServerBench
from harness.servers.reading import data_of, gaps_us, offsets_of, status_of
from harness.servers.requests import block, page


@covers("OTA-S-017")
def test_page_is_streamed_at_its_pace(server: ServerBench) -> None:
    """A page comes block by block, in order, and no faster than the client asked.

    Attack: a page of 512 octets, at most 40 a block, 100 ms apart.
    Expect: blocks without a hole that make up the page; 100 ms at least between two of them.
    Source: ZCL rev 8, 11.13.7; ota-server-page-request.c of the Simplicity SDK.
    """
    server.need_pages(served=True)
    image = server.session()

    came = server.answers(
        page(image, 0, size=512, most=40, spacing_ms=100), gap_us=100 * MILLISECOND
    )

    assert b"".join(data_of(one) for one in came) == image.octets[:512]
    assert max(len(data_of(one)) for one in came) <= 40
    assert offsets_of(came) == sorted(offsets_of(came))
    assert min(gaps_us(came)) >= server.spacing_us(100 * MILLISECOND)


@covers("OTA-S-018")
def test_page_stops_at_the_end_of_the_file(server: ServerBench) -> None:
    """A page that runs past the end of the file ends there.

    Attack: a page of 512 octets that begins 100 octets before the end.
    Expect: these 100 octets and no block behind them, an empty one neither; the server serves on.
    Source: ota-server-page-request.c of the Simplicity SDK.
    """
    server.need_pages(served=True)
    image = server.session()
    start = len(image.octets) - 100

    came = server.answers(page(image, start, size=512, spacing_ms=20), gap_us=400 * MILLISECOND)

    assert b"".join(data_of(one) for one in came) == image.octets[start:]
    assert all(data_of(one) for one in came)
    assert server.octets(block(image, 10, most=10)) == image.octets[10:20]


@covers("OTA-S-019")
def test_page_is_refused_where_there_are_none(server: ServerBench) -> None:
    """A client that asks for pages in vain is told so at once, and asks for blocks.

    Attack: a page request to a server that serves no pages.
    Expect: Default Response UNSUP_COMMAND; a block request is served after it.
    Source: ota-server.c of the Simplicity SDK; zigpy PR 1431: a client waited 10 s for each page.
    """
    server.need_pages(served=False)
    image = server.session()

    heard = server.ask(page(image))

    assert heard is not None
    assert status_of(heard) is Status.UNSUP_COMMAND
    assert heard.frame is not None
    assert not isinstance(heard.frame, ota.ImageBlockResponse)
    assert server.octets(block(image, 10, most=10)) == image.octets[10:20]
