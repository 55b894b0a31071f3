// Be a host as Zigbee2MQTT is one: zigbee-herdsman with its ember adapter, on a stick named by
// path or tcp://. It starts (forms or resumes), admits bridges, reads their versions, upgrades
// them with its own OTA session from one image file, reads the versions back, and stops. Each step
// is one JSON line on standard output; the library's log goes to standard error.
//
// Usage: node herdsman_host.cjs PORT --folder FOLDER [--bridges N] [--image FILE] [--modules DIR]
//        [--serve FILE] [--permit SECONDS] [--install-code LABEL] [--reports N] [--stay] [--debug]
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");
const { parseArgs } = require("node:util");

// How long a bridge may take to query by itself when it is busy as the notify arrives.
const QUERY_MS = 120000;

const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
        folder: { type: "string" },
        bridges: { type: "string", default: "1" },
        image: { type: "string" },
        serve: { type: "string" },
        modules: { type: "string", default: __dirname },
        permit: { type: "string", default: "60" },
        "install-code": { type: "string", multiple: true, default: [] },
        reports: { type: "string", default: "0" },
        stay: { type: "boolean", default: false },
        debug: { type: "boolean", default: false },
    },
});
if (positionals.length !== 1 || options.folder === undefined) {
    process.stderr.write("herdsman_host: found no port or no --folder, wanted both\n");
    process.exit(2);
}

const load = createRequire(path.join(path.resolve(options.modules), "index.js"));
const { Controller, setLogger } = load("zigbee-herdsman");

const log = (level) => (message, namespace) => {
    const text = typeof message === "function" ? message() : message;
    process.stderr.write(`${level} ${namespace}: ${text}\n`);
};
setLogger({
    debug: options.debug ? log("debug") : () => {},
    info: log("info"),
    warning: log("warning"),
    error: log("error"),
});

function tell(event, facts = {}) {
    process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`);
}

function cpuSeconds() {
    const used = process.cpuUsage();
    return (used.user + used.system) / 1e6;
}

// EUI-64s of bridges whose queries are the business of an update.
const updating = new Set();

const atSeconds = () => performance.now() / 1000;

const otaOf = (device) => device.endpoints.find((one) => one.supportsOutputCluster("genOta"));

async function versionOf(device) {
    const read = await otaOf(device).read("genOta", ["currentFileVersion"], {
        direction: 1, // the attribute lies in the client: a server asks
    });
    return read.currentFileVersion;
}

// Answer what bridges ask by themselves, as Zigbee2MQTT does for the library.
function answerQueries(controller) {
    controller.on("message", async ({ type, device, endpoint, meta }) => {
        if (type !== "commandQueryNextImageRequest" || updating.has(device.ieeeAddr)) return;
        const none = { status: 0x98 }; // no image available
        const tsn = meta.zclTransactionSequenceNumber;
        try {
            await endpoint.commandResponse("genOta", "queryNextImageResponse", none, undefined, tsn);
        } catch (error) {
            tell("unanswered", { eui64: device.ieeeAddr, error: error.message });
        }
    });
}

// Wait for a query that the bridge sends by itself.
function ownQuery(controller, device) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(
            () => reject(new Error(`${device.ieeeAddr}: no query in ${QUERY_MS} ms`)),
            QUERY_MS,
        );
        const listen = (message) => {
            if (message.device.ieeeAddr !== device.ieeeAddr) return;
            if (message.type !== "commandQueryNextImageRequest") return;
            clearTimeout(timer);
            controller.off("message", listen);
            resolve([message.data, message.meta.zclTransactionSequenceNumber]);
        };
        controller.on("message", listen);
    });
}

async function upgradeOnce(device, query, tsn) {
    const eui64 = device.ieeeAddr;
    const settings = { requestTimeout: 30000, responseDelay: 0, baseSize: 50 };
    tell("upgrading", { eui64, cpu_s: cpuSeconds(), at_s: atSeconds() });
    const progress = (percent) => {
        tell("progress", { eui64, percent });
        if (percent === 100) tell("sent", { eui64, cpu_s: cpuSeconds(), at_s: atSeconds() });
    };
    const source = { url: path.resolve(options.image) };
    const [, to] = await device.updateOta(source, query, tsn, {}, progress, settings);
    return to;
}

// A bridge in the middle of a download refuses a notify: its own next query is waited for then,
// as Zigbee2MQTT's scheduled updates do.
async function upgrade(controller, device) {
    const eui64 = device.ieeeAddr;
    updating.add(eui64);
    let to;
    try {
        const asked = ownQuery(controller, device);
        asked.catch(() => {});
        try {
            to = await upgradeOnce(device);
        } catch (error) {
            if (!error.message.includes("didn't respond to OTA request")) throw error;
            tell("busy", { eui64 });
            to = await upgradeOnce(device, ...(await asked));
        }
    } catch (error) {
        tell("upgraded", { eui64, status: error.message, version: await versionOf(device) });
        return;
    } finally {
        updating.delete(eui64);
    }
    const status = to === undefined ? "NO_IMAGE" : "SUCCESS";
    tell("upgraded", { eui64, status, version: await versionOf(device) });
}

// Offer one image to a bridge again and again, as a user does who wants it upgraded. Each session
// ends by what the bridge says, or by the library's own clock.
async function serve(device) {
    const eui64 = device.ieeeAddr;
    const settings = { requestTimeout: 30000, responseDelay: 0, baseSize: 50 };
    const source = { url: path.resolve(options.serve) };
    updating.add(eui64);
    for (;;) {
        tell("serving", { eui64 });
        let status = "SUCCESS";
        try {
            await device.updateOta(source, undefined, undefined, {}, () => {}, settings);
        } catch (error) {
            status = error.message;
        }
        tell("served", { eui64, status });
    }
}

async function run() {
    const begun = performance.now();
    fs.mkdirSync(options.folder, { recursive: true });
    const controller = new Controller({
        network: { panID: 0x1a62, channelList: [15] },
        transport: { path: positionals[0], adapter: "ember", baudRate: 115200, rtscts: false },
        databasePath: path.join(options.folder, "database.db"),
        databaseBackupPath: path.join(options.folder, "database.backup"),
        backupPath: path.join(options.folder, "coordinator.json"),
        adapter: { disableLED: false },
        acceptJoiningDeviceHandler: async () => true,
    });
    controller.on("adapterDisconnected", () => {
        tell("disconnected");
        process.exit(1);
    });
    const wanted = Number(options.bridges);
    const ready = new Map();
    let enough;
    const gathered = new Promise((resolve) => {
        enough = resolve;
    });
    const take = (device) => {
        ready.set(device.ieeeAddr, device);
        if (ready.size >= wanted) enough();
    };
    controller.on("deviceInterview", ({ status, device }) => {
        if (status === "successful") take(device);
        if (status === "failed") tell("interview_failed", { eui64: device.ieeeAddr });
    });
    answerQueries(controller);
    const result = await controller.start();
    const version = await controller.getCoordinatorVersion();
    tell("started", {
        result,
        took_s: (performance.now() - begun) / 1000,
        version: version.meta.revision,
        ezsp: version.meta.ezsp,
    });
    for (const device of controller.getDevicesIterator((one) => one.type !== "Coordinator")) {
        if (device.interviewState === "SUCCESSFUL") take(device);
    }
    if (wanted === 0) enough();
    if (ready.size < wanted) {
        for (const code of options["install-code"]) await controller.addInstallCode(code);
        await controller.permitJoin(Number(options.permit));
        tell("permitted");
    }
    await gathered;
    for (const device of ready.values()) {
        tell("bridge", {
            eui64: device.ieeeAddr,
            address: device.networkAddress,
            manufacturer: device.manufacturerName,
            model: device.modelID,
            version: await versionOf(device),
        });
    }
    if (options.serve !== undefined) {
        const [device] = ready.values();
        await serve(device);
    }
    if (options.image !== undefined) {
        await Promise.all([...ready.values()].map((device) => upgrade(controller, device)));
    }
    const reports = Number(options.reports);
    if (reports > 0) {
        let count = 0;
        const counted = new Promise((resolve) => {
            controller.on("message", (message) => {
                if (message.type === "attributeReport" && ++count === reports) resolve();
            });
        });
        tell("counting");
        await counted;
        tell("reports", { count, at_s: atSeconds() });
    }
    if (options.stay) {
        tell("staying", { cpu_s: cpuSeconds() });
        await new Promise((resolve) => process.stdin.on("end", resolve).resume());
    }
    await controller.stop();
    tell("stopped", { cpu_s: cpuSeconds() });
}

run().then(
    () => process.exit(0),
    (error) => {
        process.stderr.write(`${error.stack}\n`);
        tell("failed", { error: error.message });
        process.exit(1);
    },
);
