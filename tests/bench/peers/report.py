#!/usr/bin/env python3
"""Medians and spread from the JSON lines of bench.py.   report.py results/*.jsonl"""
import collections, json, statistics as st, sys

rows = []
for f in sys.argv[1:]:
    for ln in open(f):
        try: rows.append(json.loads(ln))
        except ValueError: pass


def fmt(x):
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.1f}" if abs(x) >= 10 else f"{x:.2f}"


def med(v): return st.median(v)
def table(title, head, body):
    print(f"\n## {title}\n\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for b in body: print("| " + " | ".join(b) + " |")


def group(measure, keys, val):
    g = collections.defaultdict(list)
    for r in rows:
        if r.get("measure") == measure and val in r and r[val] is not None: g[tuple(r.get(k) for k in keys)].append(r[val])
    return g


for procs in (False, True):
    g = collections.defaultdict(list); cpu = collections.defaultdict(list)
    for r in rows:
        if r.get("measure") == "drain" and bool(r.get("procs")) == procs and r.get("done", 0) >= r.get("n", 1):
            g[r["peer"], r["c"]].append(r["per_s"]); cpu[r["peer"], r["c"]].append(r["cpu_us_job"])
    if g:
        cs = sorted({c for _, c in g}); ps = sorted({p for p, _ in g}, key=lambda p: -max(med(g[p, c]) for c in cs if (p, c) in g))
        body = []
        for p in ps:
            row = [p]
            for c in cs:
                v = g.get((p, c)); row.append(f"**{fmt(med(v))}** ({fmt(min(v))}–{fmt(max(v))}, n={len(v)})" if v else "–")
            for c in cs:
                v = cpu.get((p, c)); row.append(fmt(med(v)) if v else "–")
            body.append(row)
        table("Drain, jobs/s: median (min–max)" + (" — one process per worker" if procs else ""), ["peer"] + [f"c={c}" for c in cs] + [f"CPU µs/job c={c}" for c in cs], body)

g = group("enqueue", ("peer", "mode"), "per_s")
if g:
    ps = sorted({p for p, _ in g}, key=lambda p: -med(g.get((p, "one"), [0])))
    table("Enqueue, jobs/s: median (min–max)", ["peer", "one by one", "bulk"], [[p] + [f"**{fmt(med(g[p, m]))}** ({fmt(min(g[p, m]))}–{fmt(max(g[p, m]))})" if (p, m) in g else "–" for m in ("one", "bulk")] for p in ps])
for m, t in (("latency", "Pickup latency, idle workers, ms"), ("roundtrip", "Question → answer round trip, ms")):
    a, b, c = (group(m, ("peer",), k) for k in ("p50_ms", "p95_ms", "p99_ms"))
    if a: table(t + ": median of rounds (min–max)", ["peer", "p50", "p95", "p99", "rounds"], [[p[0]] + [f"**{fmt(med(x[p]))}** ({fmt(min(x[p]))}–{fmt(max(x[p]))})" for x in (a, b, c)] + [str(len(a[p]))] for p in sorted(a, key=lambda p: med(a[p]))])
ks = ("cpu_pct", "store_cpu_pct", "cmds_s", "procs", "rss_mib_total", "pss_mib_total", "rss_mib_max")
gs = {k: group("idle", ("peer",), k) for k in ks}
if gs["cpu_pct"]: table("Idle, 10 worker processes", ["peer"] + list(ks), [[p[0]] + [fmt(med(gs[k][p])) for k in ks] for p in sorted(gs["cpu_pct"], key=lambda p: med(gs["cpu_pct"][p]) + med(gs["store_cpu_pct"][p]))])
g = group("backlog", ("peer", "total"), "per_s")
if g:
    ts = sorted({t for _, t in g}); table("Drain rate by backlog (c=3), jobs/s", ["peer"] + [f"{t:,}" for t in ts], [[p] + [fmt(med(g[p, t])) if (p, t) in g else "–" for t in ts] for p in sorted({p for p, _ in g})])
c = [r for r in rows if r.get("measure") == "crash"]
if c: table("kill -9 of the worker in a job", ["peer", "again after, s"], [[r["peer"], str(r["after_s"]) if r["recovered"] else f"not within {r['limit_s']}"] for r in sorted(c, key=lambda r: r["after_s"] or 1e9)])
e = collections.Counter((r["peer"], r.get("what")) for r in rows if r.get("measure") == "error")
if e: print("\nerrors:", dict(e))
