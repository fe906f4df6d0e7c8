#!/usr/bin/env python3
"""Side-by-side benchmark driver. Prints one JSON line per measure (and appends it to --out).

  bench.py drain     --peers a,b --c 1,3,16 --rounds 5      claim -> run -> complete, backlog loaded while workers are stopped (SIGSTOP)
  bench.py enqueue   --peers a,b --mode one,bulk --rounds 5
  bench.py latency   --peers a,b --n 200 --rounds 3         idle workers (c=3); time from just before the enqueue call to handler start
  bench.py roundtrip --peers a,b                            a job asks 200 questions, one after the other, and waits for each answer
  bench.py idle      --peers a,b --secs 20                  10 idle worker processes: CPU, store commands/s, RSS
  bench.py backlog   --peers a,b --sizes 1000,100000,1000000
  bench.py crash     --peer a --limit 900                   kill -9 of the worker in the middle of a job; time until another worker starts it
Peers are interleaved round by round (A B C .. A B C ..), the order rotating.
"""
import argparse, json, os, random, shutil, signal, socket, subprocess, sys, tempfile, time
import psutil

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = os.environ.get("BENCH_WORK", os.path.join(tempfile.gettempdir(), "bench-peers-work"))
OUT = os.environ.setdefault("BENCH_OUT", "/dev/shm/bench_out")
os.environ.setdefault("BENCH_WORK", WORK)
RPORT = int(os.environ.setdefault("BENCH_REDIS_PORT", "56379"))
PPORT = int(os.environ.setdefault("BENCH_PG_PORT", "55433"))
PY = os.environ.get("BENCH_PY", sys.executable)
NODE = os.environ.get("BENCH_NODE", "node")
APALIS = os.environ.get("BENCH_APALIS", os.path.join(HERE, "apalis/target/release/bench-apalis"))
VINE = os.environ.get("BENCH_VINE", "vine")
VINE_BENCH = os.environ.get("BENCH_VINE_BENCH", "vine-bench")
STATE = os.environ.setdefault("VINE_STATE", os.path.join(WORK, "vine", "state"))


def A(f): return os.path.join(HERE, "adapters", f)
def N(f): return os.path.join(HERE, "node", f)


# name: command, environment, store, jobs per drain run, jobs per enqueue run (one, bulk)
PEERS = {
    "rq": dict(cmd=[PY, A("rq_peer.py")], env={"BENCH_VARIANT": "fork"}, store="redis", n=300, e=(1500, 10000)),
    "rq-simple": dict(cmd=[PY, A("rq_peer.py")], env={"BENCH_VARIANT": "simple"}, store="redis", n=1500, e=(1500, 10000)),
    "celery": dict(cmd=[PY, A("celery_peer.py")], env={}, store="redis", n=2000, e=(1500, 4000)),
    "sidekiq": dict(cmd=["ruby", A("sidekiq_peer.rb")], env={}, store="redis", n=6000, e=(4000, 20000)),
    "bullmq": dict(cmd=[NODE, N("bullmq_peer.mjs")], env={"BENCH_VARIANT": "redis"}, store="redis", n=6000, e=(4000, 20000)),
    "bullmq-pg": dict(cmd=[NODE, N("bullmq_peer.mjs")], env={"BENCH_VARIANT": "pg"}, store="pg", n=1500, e=(800, 10000)),
    "graphile": dict(cmd=[NODE, N("graphile_peer.mjs")], env={}, store="pg", n=2000, e=(1000, 20000)),
    "graphile-tuned": dict(cmd=[NODE, N("graphile_peer.mjs")], env={"BENCH_VARIANT": "tuned"}, store="pg", n=10000, e=(1000, 20000), left="select count(*) from graphile_worker._private_jobs"),
    "apalis-redis": dict(cmd=[APALIS, "apalis-redis"], env={"BENCH_VARIANT": "poll"}, store="redis", n=6000, e=(4000, 20000)),
    "apalis-pg": dict(cmd=[APALIS, "apalis-pg"], env={}, store="pg", n=3000, e=(1000, 10000)),
    "apalis-sqlite": dict(cmd=[APALIS, "apalis-sqlite"], env={}, store="sqlite", n=3000, e=(1500, 10000)),
    # ours: through HTTP, each call authorised, every commit on disk but with `vine-normal`
    "vine": dict(cmd=[VINE_BENCH, "peer"], env={}, store="vine", n=4000, e=(1500, 20000)),
    "vine-normal": dict(cmd=[VINE_BENCH, "peer"], env={"VINE_DATABASE__DURABILITY": "normal"}, store="vine", n=4000, e=(1500, 20000)),
    "vine-batch": dict(cmd=[VINE_BENCH, "peer"], env={"BENCH_BATCH": "50"}, store="vine", n=10000, e=(1500, 20000)),
    "vine-pg": dict(cmd=[VINE_BENCH, "peer"], env={}, store="vine-pg", n=4000, e=(1500, 20000)),
}
_children = []
OUTFILE = None


def env_for(p, **kw):
    e = dict(os.environ); e.update(PEERS[p]["env"]); e.update({k: str(v) for k, v in kw.items()})
    return e


def sh(p, *args, env=None, check=True, timeout=600):
    r = subprocess.run(PEERS[p]["cmd"] + list(args), env=env or env_for(p), capture_output=True, text=True, timeout=timeout)
    if check and r.returncode != 0:
        raise RuntimeError(f"{p} {args}: rc {r.returncode}: {r.stderr[-800:]}")
    for ln in r.stdout.splitlines()[::-1]:
        if ln.startswith("{"):
            return json.loads(ln)
    return {}


def ensure_store(p):
    """Our daemon, on a store of its own, if the peer is ours."""
    st = PEERS[p]["store"]
    if not st.startswith("vine"): return None
    folder = os.path.dirname(STATE)
    shutil.rmtree(folder, ignore_errors=True); os.makedirs(folder)
    e = env_for(p, VINE_LOG__FILTER="error")
    if st == "vine-pg":
        psql("drop database if exists vine with (force)"); psql("create database vine")
        e["VINE_DATABASE__URL"] = f"postgres://bench@127.0.0.1:{PPORT}/vine"
    pr = subprocess.Popen([VINE, "daemon", "--listen", "127.0.0.1:0", "--state", STATE], env=e, cwd=folder, stdout=subprocess.DEVNULL,
                          stderr=open(os.path.join(WORK, "vine.err"), "w"))
    _children.append(pr)
    end = time.monotonic() + 20
    while not os.path.exists(os.path.join(STATE, "endpoint.json")):
        if pr.poll() is not None or time.monotonic() > end: raise RuntimeError("the daemon did not start; see vine.err in BENCH_WORK")
        time.sleep(0.05)
    return pr


def end_store(pr):
    if pr:
        pr.terminate(); pr.wait(5)


def store_pids(p, pr):
    st = PEERS[p]["store"]
    if st == "vine-pg": return [pr.pid, int(open(os.path.join(WORK, "pg", "postmaster.pid")).readline())]
    if pr: return [pr.pid]
    if st == "redis": return [int(open(os.path.join(WORK, "redis", "redis.pid")).read())]
    if st == "pg": return [int(open(os.path.join(WORK, "pg", "postmaster.pid")).readline())]
    return []


def cpu_of(pids, sid=None):
    tot, seen = 0.0, set()
    lst = []
    for pid in pids:
        try:
            x = psutil.Process(pid); lst += [x] + x.children(recursive=True)
        except psutil.Error:
            pass
    for x in lst:
        if x.pid in seen: continue
        seen.add(x.pid)
        try:
            t = x.cpu_times(); tot += t.user + t.system + t.children_user + t.children_system
        except psutil.Error:
            pass
    return tot


def truncate(): open(OUT, "w").close()
def size(): return os.stat(OUT).st_size


def wait_size(b, timeout):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if size() >= b: return True
        time.sleep(0.001)
    return False


def start_worker(p, c, what="worker", **env):
    pr = subprocess.Popen(PEERS[p]["cmd"] + [what, "--c", str(c)], env=env_for(p, **env), start_new_session=True,
                          stdout=subprocess.DEVNULL, stderr=open(os.path.join(WORK, f"worker-{p}.err"), "w"))
    _children.append(pr)
    return pr


def settle(pids, quiet=0.06, timeout=40):
    """Wait until the processes are idle (boot over)."""
    end = time.monotonic() + timeout; ok = 0; last = cpu_of(pids)
    while time.monotonic() < end:
        time.sleep(0.4); x = cpu_of(pids)
        ok = ok + 1 if x - last < quiet else 0
        last = x
        if ok >= 2: return True
    return False


def warm(p, pr, c):
    truncate()
    sh(p, "enqueue", "--n", str(max(4, 2 * c)), "--mode", "one")
    if not wait_size(2 * max(4, 2 * c), 60): raise RuntimeError(f"{p}: warm-up jobs did not run")
    settle([pr.pid], quiet=0.06 + 0.01 * c)
    truncate()


def stop_worker(pr, hard=False):
    def group():
        out = []
        for x in psutil.process_iter(["pid"]):
            try:
                if os.getsid(x.pid) == pr.pid: out.append(x.pid)
            except OSError: pass
        return out
    pids = group()
    for pid in pids:
        try: os.kill(pid, signal.SIGKILL if hard else signal.SIGTERM)
        except OSError: pass
    end = time.monotonic() + 2.5
    while not hard and time.monotonic() < end and group():
        pr.poll(); time.sleep(0.05)
    for pid in group():
        try: os.kill(pid, signal.SIGKILL)
        except OSError: pass
    pr.wait(10)


def sig(pr, s):
    for x in [psutil.Process(pr.pid)] + psutil.Process(pr.pid).children(recursive=True):
        try: x.send_signal(s)
        except psutil.Error: pass


def busy():
    t = psutil.cpu_times(); return t.user + t.system + t.nice + t.irq + t.softirq + t.steal, time.monotonic()


def out(measure, p, **kw):
    try: kw["svc"] = json.load(open(os.path.join(WORK, "services.json")))
    except OSError: pass
    d = dict(measure=measure, peer=p, **kw, load1=round(os.getloadavg()[0], 2), t=int(time.time()))
    s = json.dumps(d); print(s, flush=True)
    if OUTFILE: open(OUTFILE, "a").write(s + "\n")


def drain(p, c, rnd, n=None, procs=False, measure="drain", backlog=0):
    n = n or PEERS[p]["n"]
    st = ensure_store(p); pr = None
    env = {"BENCH_PROCS": 1} if procs else {}
    try:
        sh(p, "setup")
        pr = start_worker(p, c, **env); warm(p, pr, c)
        sig(pr, signal.SIGSTOP)
        sh(p, "enqueue", "--n", str(n), "--mode", "bulk")
        time.sleep(0.2)
        w0, s0, b0 = cpu_of([pr.pid]), cpu_of(store_pids(p, st)), busy()
        t0 = time.monotonic(); sig(pr, signal.SIGCONT)
        m10 = wait_size(2 * (n // 10), 120) and time.monotonic()
        ok = wait_size(2 * n, 120)
        if "left" in PEERS[p]:  # completion is batched: the run ends when the table is empty
            while ok and psql(PEERS[p]["left"]) > 0 and time.monotonic() - t0 < 60: time.sleep(0.005)
        t1 = time.monotonic()
        w1, s1, b1 = cpu_of([pr.pid]), cpu_of(store_pids(p, st)), busy()
        got = size() // 2
        own = (w1 - w0) + (s1 - s0)
        per = 0.9 * n / (t1 - m10) if ok and m10 else got / (t1 - t0)
        out(measure, p, c=c, procs=procs, n=n, round=rnd, per_s=round(per, 1), wall_per_s=round(got / (t1 - t0), 1), done=got,
            cpu_us_job=round(1e6 * own / max(1, got), 1), worker_us_job=round(1e6 * (w1 - w0) / max(1, got), 1), store_us_job=round(1e6 * (s1 - s0) / max(1, got), 1),
            other_cpu=round(max(0, (b1[0] - b0[0]) - own) / (b1[1] - b0[1]), 2))
    finally:
        if pr: stop_worker(pr)
        end_store(st)


def enqueue(p, mode, rnd):
    st = ensure_store(p)
    try:
        sh(p, "setup")
        n = PEERS[p]["e"][0 if mode == "one" else 1]
        s0 = cpu_of(store_pids(p, st)); r = sh(p, "enqueue", "--n", str(n), "--mode", mode); s1 = cpu_of(store_pids(p, st))
        out("enqueue", p, mode=mode, n=n, round=rnd, per_s=round(n / r["secs"], 1), store_us_job=round(1e6 * (s1 - s0) / n, 1))
    finally:
        end_store(st)


def pct(v, q): return v[min(len(v) - 1, int(len(v) * q))]


def latency(p, n, rnd, c=3):
    st = ensure_store(p); pr = None
    try:
        sh(p, "setup")
        truncate()
        if p != "apalis-sqlite":
            pr = start_worker(p, c); warm(p, pr, c)
        gap = PEERS[p].get("gap", "5,60")
        e = env_for(p, BENCH_VARIANT="latency") if p == "apalis-sqlite" else None
        sh(p, "latency", "--n", str(n), "--gap", gap, "--c", str(c), env=e)
        v = sorted((int(x.split()[2]) - int(x.split()[1])) / 1e6 for x in open(OUT) if x.startswith("L "))
        if not v: raise RuntimeError("no samples")
        out("latency", p, c=c, n=len(v), round=rnd, p50_ms=round(pct(v, .5), 3), p95_ms=round(pct(v, .95), 3), p99_ms=round(pct(v, .99), 3), max_ms=round(v[-1], 2), min_ms=round(v[0], 3))
    finally:
        if pr: stop_worker(pr)
        end_store(st)


def roundtrip(p, rnd):
    st = ensure_store(p); a = b = None
    try:
        sh(p, "setup"); truncate()
        a = start_worker(p, 1); b = start_worker(p, 1, "responder")
        warm(p, a, 1); settle([b.pid])
        sh(p, "enqueue", "--n", "1", "--mode", "one", "--kind", "rt")
        end = time.monotonic() + 90
        while time.monotonic() < end and sum(1 for _ in open(OUT)) < 200: time.sleep(0.1)
        v = sorted(int(x.split()[1]) / 1e6 for x in open(OUT) if x.startswith("T "))
        if not v: raise RuntimeError("no samples")
        out("roundtrip", p, n=len(v), round=rnd, p50_ms=round(pct(v, .5), 3), p95_ms=round(pct(v, .95), 3), p99_ms=round(pct(v, .99), 3))
    finally:
        for x in (a, b):
            if x: stop_worker(x)
        end_store(st)


def psql(q):
    global _pg
    try: _pg
    except NameError:
        import psycopg
        _pg = psycopg.connect(host="127.0.0.1", port=PPORT, user="bench", dbname="bench", autocommit=True)
    c = _pg.execute(q); return c.fetchone()[0] if c.description else None


def store_cmds(p):
    st = PEERS[p]["store"]
    if st == "redis":
        r = subprocess.run(["redis-cli", "-p", str(RPORT), "info", "stats"], capture_output=True, text=True).stdout
        return int(r.split("total_commands_processed:")[1].split()[0])
    if st == "pg":
        time.sleep(1.2)  # backends flush their statistics at most once a second
        return int(psql("select xact_commit+xact_rollback from pg_stat_database where datname='bench'"))
    return 0


def idle(p, secs, rnd, c=10):
    st = ensure_store(p); pr = None
    try:
        sh(p, "setup")
        pr = start_worker(p, c, BENCH_PROCS=1); warm(p, pr, c); time.sleep(2)
        w0, s0, k0 = cpu_of([pr.pid]), cpu_of(store_pids(p, st)), store_cmds(p)
        time.sleep(secs)
        w1, s1, k1 = cpu_of([pr.pid]), cpu_of(store_pids(p, st)), store_cmds(p)
        procs = [psutil.Process(pr.pid)] + psutil.Process(pr.pid).children(recursive=True)
        rss = [x.memory_info().rss / 2**20 for x in procs]; pss = [x.memory_full_info().pss / 2**20 for x in procs]
        out("idle", p, c=c, round=rnd, secs=secs, cpu_pct=round(100 * (w1 - w0) / secs, 2), store_cpu_pct=round(100 * (s1 - s0) / secs, 2),
            cmds_s=round((k1 - k0 - 1) / secs, 2), procs=len(procs), rss_mib_total=round(sum(rss), 1), pss_mib_total=round(sum(pss), 1), rss_mib_max=round(max(rss), 1))
    finally:
        if pr: stop_worker(pr)
        end_store(st)


def backlog(p, total, rnd, c=3, take=None):
    """Backlog of `total` pending jobs; drain rate of the first `take` of them."""
    take = take or min(total, PEERS[p]["n"] * 2 // 2)
    st = ensure_store(p); pr = None
    try:
        sh(p, "setup")
        pr = start_worker(p, c); warm(p, pr, c); sig(pr, signal.SIGSTOP)
        t = time.monotonic(); sh(p, "enqueue", "--n", str(total), "--mode", "bulk", timeout=400); te = time.monotonic() - t
        time.sleep(0.3)
        truncate(); sig(pr, signal.SIGCONT)
        k = max(1, take // 10)
        wait_size(2 * k, 60); t0 = time.monotonic(); g0 = size() // 2
        ok = wait_size(2 * take, 60); t1 = time.monotonic(); g1 = size() // 2
        out("backlog", p, total=total, c=c, round=rnd, take=take, per_s=round((g1 - g0) / (t1 - t0), 1), load_per_s=round(total / te, 0), ok=ok)
    finally:
        if pr: stop_worker(pr, hard=True)
        end_store(st)


def crash(p, limit):
    st = ensure_store(p); a = b = None
    try:
        sh(p, "setup")
        truncate()
        a = start_worker(p, 1); time.sleep(0.5)
        sh(p, "enqueue", "--n", "1", "--mode", "one", "--kind", "crash")
        end = time.monotonic() + 60
        while time.monotonic() < end and "C " not in open(OUT).read(): time.sleep(0.05)
        if "C " not in open(OUT).read(): raise RuntimeError("job did not start")
        b = start_worker(p, 1); time.sleep(4)
        t0 = time.monotonic(); stop_worker(a, hard=True); a = None
        while time.monotonic() - t0 < limit and open(OUT).read().count("C ") < 2: time.sleep(0.1)
        starts = open(OUT).read().count("C ")
        out("crash", p, limit_s=limit, recovered=starts > 1, after_s=round(time.monotonic() - t0, 1) if starts > 1 else None)
    finally:
        for x in (a, b):
            if x: stop_worker(x, hard=True)
        end_store(st)


def main():
    global OUTFILE
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("what"); ap.add_argument("--peers", default=""); ap.add_argument("--peer"); ap.add_argument("--c", default="1,3,16")
    ap.add_argument("--mode", default="one,bulk"); ap.add_argument("--rounds", type=int, default=1); ap.add_argument("--n", type=int, default=0)
    ap.add_argument("--secs", type=int, default=20); ap.add_argument("--sizes", default="1000,100000"); ap.add_argument("--limit", type=int, default=300)
    ap.add_argument("--procs", action="store_true"); ap.add_argument("--out"); ap.add_argument("--first-round", type=int, default=0)
    a = ap.parse_args(); OUTFILE = a.out
    peers = a.peers.split(",") if a.peers else [a.peer] if a.peer else list(PEERS)
    for r in range(a.first_round, a.first_round + a.rounds):
        order = peers[r % len(peers):] + peers[:r % len(peers)]
        for p in order:
            jobs = {"drain": lambda: [drain(p, int(c), r, a.n or None, a.procs) for c in a.c.split(",")],
                    "enqueue": lambda: [enqueue(p, m, r) for m in a.mode.split(",")],
                    "latency": lambda: latency(p, a.n or 200, r), "roundtrip": lambda: roundtrip(p, r), "idle": lambda: idle(p, a.secs, r),
                    "backlog": lambda: [backlog(p, int(s), r) for s in a.sizes.split(",")], "crash": lambda: crash(p, a.limit)}
            try:
                jobs[a.what]()
            except Exception as e:  # one peer failing must not end the run
                out("error", p, what=a.what, error=str(e)[:400], round=r)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` ends what was started
    try:
        main()
    finally:
        for x in _children:
            if x.poll() is None:
                try: os.kill(x.pid, signal.SIGKILL)
                except OSError: pass
