"""
The golden vectors by the test client's own code: what a client's author runs first.

python3 check_vectors.py VECTORS FACE1      the folder codec/vectors, and what `node codec/vectors/export-tables.ts` prints

Prints one line for each case that differs, then `{"file": [cases, differ], ...}`. Exit code 1 when one differs.
"""

import json
import sys
from pathlib import Path

import wire
from face1 import Decoder, Encoder


def reason_of(work):
    try:
        return work()
    except wire.Bad as error:
        return {"error": str(error)}


def bundle(case, _):
    data = bytes.fromhex(case["hex"])
    got = reason_of(lambda: wire.parse_bundle(data))
    if "error" in case or "error" in got:
        return got == {"error": case.get("error")}
    wanted = case["bundle"]
    same = {"alias": got["alias"], "baseUs": got["base"], "uncertainty16": got["uncertainty"]}
    same["slots"] = [{"slot": slot, "generation": generation} for slot, generation in got["slots"].items()]
    names = (("sequence", "seq"), ("age16", "age"), ("slot", "slot"), ("kind", "kind"), ("key", "key"), ("full", "full"))
    same["units"] = [{a: u[b] for a, b in names} | {"payload": u["payload"].hex()} for u in got["units"]]
    return same == wanted and (not case.get("shortest") or wire.encode_bundle(got) == data)


def sequence(case, _):
    state = wire.Sequence()
    for step in case["steps"]:
        verdict, extended = state.take(step["sequence"], step["full"], step["captureUs"])
        if (verdict, extended, state.lost) != (step["verdict"], step["extended"], step["lost"]):
            return False
    return True


def probe(case, _):
    if case["type"] == "clock_sample":
        got = wire.clock_sample(*(case[f"t{i}Us"] for i in (1, 2, 3, 4)))
        return got == (case["rttUs"], case["offsetUs"])
    data = bytes.fromhex(case["hex"])
    fields = {"probe": (4, 6), "probe_reply": (4, 6, 6, 6), "heartbeat": ()}[case["type"]]
    kind = {"probe": wire.PROBE, "probe_reply": wire.PROBE_REPLY, "heartbeat": wire.HEARTBEAT}[case["type"]]
    got = reason_of(lambda: wire.fixed(data, kind, fields))
    if "error" in case:
        return got == {"error": case["error"]}
    return got == [case[name] for name in ("id", "t1Us", "t2Us", "t3Us")[: len(fields)]]


def missing(case, _):
    # A client only writes them.
    if "error" in case:
        return None
    names = ("slot", "kind", "generation", "first", "more")
    return wire.missing(case["alias"], [[e[name] for name in names] for e in case["entries"]]).hex() == case["hex"]


def messages(case, _):
    # What is malformed is for the relay to refuse, and trunks are none of a client's business.
    if "error" in case or case["from"] == "trunk":
        return None
    data = bytes.fromhex(case["hex"])
    plain = lambda value: (
        {"hex": value.hex()}
        if isinstance(value, bytes)
        else {k: plain(v) for k, v in value.items()}
        if isinstance(value, dict)
        else [plain(v) for v in value]
        if isinstance(value, list)
        else value
    )
    reader, got = wire.Messages(), []
    for i in range(len(data)):
        got += reader.push(data[i : i + 1])
    again = next(iter(wire.Messages().push(wire.message(got[0]))))
    # Fields of a later version may stand there, and null may stand for nothing: a client ignores both.
    known = [{k: plain(m)[k] for k in case["message"]} if case["message"].keys() <= m.keys() else None for m in got]
    return known == [case["message"]] and again == got[0]


def motion(case, exported):
    stream = case["stream"]
    make = lambda kind: kind(exported, stream["fps"], bytes.fromhex(stream["config"]), len(stream["extras"]))
    decoder = make(Decoder)
    if "calls" in case:
        return all(called(decoder, each) for each in case["calls"] if each["call"] in ("decode", "next")) if not any(
            each["call"] == "reset" for each in case["calls"]
        ) else None
    encoder = make(Encoder)
    for n, unit in enumerate(case.get("units", case.get("before", []))):
        data = bytes.fromhex(unit["hex"])
        if decoder.decode(n, unit["key"], data) != "exact":
            return False
        if "face" in unit and steps_of(decoder) != {k: unit.get(k, {}) for k in ("face", "steps", "overlaps", "extras")}:
            return False
        # One spelling: what was read, written again, is the same unit.
        tracks = {"main": decoder.main, "overlaps": decoder.overlaps, "extras": decoder.extras}
        wanted = {name: track.value for name, track in tracks.items()} if decoder.face else None
        if encoder.encode_steps(wanted, unit["key"]) != data:
            return False
    if "error" in case:
        return decoder.decode(len(case["before"]), case["key"], bytes.fromhex(case["hex"])) == "malformed"
    return True


def called(decoder, each):
    got = decoder.next() if each["call"] == "next" else decoder.decode(each["sequence"], each["key"], bytes.fromhex(each["hex"]))
    wanted = each["result"]
    if got in ("exact", "late_used") and steps_of(decoder)["steps"] != wanted.get("steps", {}):
        return False
    return got == (wanted and wanted["kind"])


def steps_of(decoder):
    some = lambda track: {str(i): v for i, v in enumerate(track.value) if v != 0}
    tracks = {"steps": decoder.main, "overlaps": decoder.overlaps, "extras": decoder.extras}
    return {"face": decoder.face} | {name: some(track) for name, track in tracks.items()}


def main():
    folder, exported = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    counts = {}
    for check in (bundle, sequence, probe, missing, messages, motion):
        results = []
        for case in json.loads((folder / f"{check.__name__}.json").read_text())["cases"]:
            result = check(case, exported)
            if result is not None:
                results.append(result)
            if result is False:
                print(f"{check.__name__}: {case['name']}", file=sys.stderr)
        counts[check.__name__] = [len(results), results.count(False)]
    print(json.dumps(counts))
    sys.exit(any(differ for _, differ in counts.values()))


if __name__ == "__main__":
    main()
