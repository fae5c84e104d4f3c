"""Drives the original client, simd-r-drive-ws-client, as it is published.

    client.py ADDRESS
    client.py bench ADDRESS OP SIZE CONC SECONDS

The first form connects once and says so by the line {}. It then takes one JSON
line of calls after the other from standard input, until that ends, and answers
each with one line; interop/README.md describes them. The second form measures
calls for some time and prints one line.
"""

import base64
import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from simd_r_drive_ws_client import DataStoreWsClient, NamespaceHasher

# How many keys a batch of a measurement has.
BENCH_BATCH = 100


def say(line):
    print(json.dumps(line), flush=True)


def connect(address):
    host, port = address.rsplit(":", 1)
    return DataStoreWsClient(host, int(port))


def decode(value):
    """Decodes a byte string; one that is missing is empty."""
    return base64.b64decode(value or "")


def decode_list(values):
    return [decode(value) for value in values or []]


def encode(value):
    """Encodes a value that may be missing."""
    return None if value is None else base64.b64encode(value).decode()


def run(client, call):
    """Runs one call and returns its result."""
    op, key = call["op"], decode(call.get("key"))
    if op == "write":
        client.write(key, decode(call.get("value")))
        return {}
    if op == "read":
        return {"value": encode(client.read(key))}
    if op == "delete":
        client.delete(key)
        return {}
    if op == "exists":
        return {"yes": client.exists(key)}
    if op == "len":
        return {"number": len(client)}
    if op == "is_empty":
        return {"yes": client.is_empty()}
    if op == "file_size":
        return {"number": client.file_size()}
    if op == "batch_write":
        client.batch_write(list(zip(decode_list(call.get("keys")), decode_list(call.get("values")))))
        return {}
    if op == "batch_read":
        return {"values": [encode(value) for value in client.batch_read(decode_list(call.get("keys")))]}
    if op == "namespace":
        return {"value": encode(NamespaceHasher(decode(call.get("namespace"))).namespace(key))}
    raise ValueError(f"unknown op {op}")


def answer(client, call):
    """Is run, but an error becomes a result."""
    try:
        return run(client, call)
    except Exception as err:
        return {"error": str(err)}


def answer_lines(address):
    """Answers the lines of standard input, one after the other."""
    client = connect(address)
    say({})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        with ThreadPoolExecutor(request["parallel"]) as threads:
            say({"results": list(threads.map(lambda call: answer(client, call), request["calls"]))})


def bench(address, op, size, conc, seconds):
    """Keeps conc threads calling for some seconds and prints one line."""
    client = connect(address)
    keys = [b"bench-%05d" % i for i in range(max(conc, BENCH_BATCH))]
    values = [random.Random(i).randbytes(size) for i in range(len(keys))]  # noise: nothing can be made smaller
    items = list(zip(keys, values))
    batch_keys, batch_values, batch = keys[:BENCH_BATCH], values[:BENCH_BATCH], items[:BENCH_BATCH]
    call = {
        "read": lambda i: client.read(keys[i]) == values[i],
        "write": lambda i: client.write(keys[i], values[i]) is None,
        "batch_read": lambda i: client.batch_read(batch_keys) == batch_values,
        "batch_write": lambda i: client.batch_write(batch) is None,
    }[op]
    for first in range(0, len(items), BENCH_BATCH):
        client.batch_write(items[first : first + BENCH_BATCH])
    begun = time.perf_counter()

    def work(worker):
        """Makes one call after the other until the time is over, at least one."""
        micros, before = [], time.perf_counter()
        while not micros or before < begun + seconds:
            if not call((worker + len(micros)) % len(keys)):
                raise ValueError("an answer is not what was stored")
            now = time.perf_counter()
            micros.append((now - before) * 1e6)
            before = now
        return micros

    with ThreadPoolExecutor(conc) as threads:
        micros = sorted(sum(threads.map(work, range(conc)), []))
    calls_per_s = len(micros) / (time.perf_counter() - begun)
    p50, p99 = (micros[int((len(micros) - 1) * share)] for share in (0.5, 0.99))
    say({"impl": "python", "op": op, "size": size, "conc": conc, "calls": len(micros), "calls_per_s": calls_per_s, "p50_us": p50, "p99_us": p99})


def main(args):
    if len(args) == 1:
        answer_lines(args[0])
    elif len(args) == 6 and args[0] == "bench":
        bench(args[1], args[2], int(args[3]), int(args[4]), float(args[5]))
    else:
        raise ValueError("usage: client.py ADDRESS | bench ADDRESS OP SIZE CONC SECONDS")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Exception as err:
        say({"error": str(err)})
        sys.exit(1)
