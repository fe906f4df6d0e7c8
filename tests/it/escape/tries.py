"""What an agent could try to get out of its sandbox. Each try says whether it was let in; once/escape.rs says what is
expected behind each wall. It runs as the agent, in the folder of its task, with nothing but the standard library."""

import ctypes
import glob
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

known = json.load(open("place.json"))
place = known["place"]
libc = ctypes.CDLL(None, use_errno=True)
TRIES = {}


def attempt(function):
    TRIES[function.__name__] = function
    return function


def read(path, size=4096):
    with open(path, "rb") as file:
        return file.read(size)


def worker():
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = read(path).split(b"\0")
        except OSError:
            continue  # it ended meanwhile
        if b"worker" in words and (place + "/" + known["worker"]).encode() in words:
            return int(path.split("/")[2])
    raise LookupError("no worker is seen")


def call(connection, path="/api/v1/tasks", body=None):
    """As an administrator whose token was stolen."""
    headers = {"authorization": "Bearer " + known["token"], "content-type": "application/json", "host": known["host"]}
    body = body or {"title": "Forged", "repo": "site"}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status < 300


# Files.
@attempt
def the_administrators_token():
    return b"avu_" in read(place + "/daemon/endpoint.json")


@attempt
def the_workers_token():
    return b"avw_" in read(place + "/" + known["worker"] + "/worker.json")


@attempt
def the_daemons_database():
    return read(place + "/daemon/vine.db", 6) == b"SQLite"


@attempt
def the_persons_key():
    return b"PRIVATE KEY" in read(place + "/.ssh/id_ed25519")


@attempt
def the_accounts_of_the_machine():
    return b"root:" in read("/etc/shadow")


@attempt
def the_configuration():
    return b"[worker]" in read(place + "/vine.toml")


@attempt
def the_person_in_passwd():
    return any(b"games" in line for line in read("/etc/passwd").splitlines())


@attempt
def what_everybody_may_read():
    return b"public" in read(place + "/public.txt")


@attempt
def a_file_beside_the_folder():
    with open(place + "/forged-" + known["wall"], "w") as file:
        file.write("x")
    return True


@attempt
def the_keepers_repository():
    repository = place + "/" + known["worker"] + "/repos/site.git"
    with open(repository + "/forged", "w") as file:
        file.write("x")
    return True


@attempt
def a_setting_of_the_kernel():
    setting = "/proc/sys/vm/swappiness"
    value = read(setting)
    with open(setting, "wb") as file:
        file.write(value)
    return True


@attempt
def what_the_kernel_runs_for_a_crash():
    """Whoever writes it runs programs as root outside. It is opened and left as it is."""
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))
    return True


@attempt
def a_control_group():
    for folder in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup"):
        try:
            os.mkdir(folder + "/forged")
        except OSError:
            continue
        os.rmdir(folder + "/forged")
        return True
    return False


# Memory and environment.
@attempt
def the_workers_environment():
    return b"VINE_TEST_CANARY" in read("/proc/%d/environ" % worker(), 65536)


@attempt
def the_workers_memory():
    pid = worker()
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb") as memory:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if found and ("[heap]" in line or line.rstrip().endswith(" 0")):
                begin, end = (int(part, 16) for part in found.groups())
                memory.seek(begin)
                try:
                    if b"avw_" in memory.read(min(end - begin, 1 << 26)):
                        return True
                except OSError:
                    continue
    return False


@attempt
def tracing_the_worker():
    pid = worker()
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(16, pid, None, None) != 0:
        return False
    os.waitpid(pid, 0x40000000)
    return libc.ptrace(17, pid, None, None) == 0


@attempt
def tracing_a_child():
    child = os.fork()
    if child == 0:
        os._exit(0 if libc.ptrace(0, 0, None, None) == 0 else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@attempt
def the_models_key():
    return known["key"] in " ".join(os.environ.values())


# Others at work.
def others():
    own = os.path.realpath(os.getcwd())
    found = glob.glob(place + "/" + known["worker"] + "/worktrees/*/*")
    return [path for path in found if os.path.isdir(path) and os.path.realpath(path) != own]


@attempt
def another_tasks_folder():
    return any(os.path.exists(path + "/own.txt") and read(path + "/own.txt") for path in others())


@attempt
def writing_into_another_tasks_folder():
    for path in others():
        with open(path + "/forged", "w") as file:
            file.write("x")
        return True
    return False


@attempt
def asking_in_another_tasks_name():
    own = os.environ["VINE_SOCKET"] if "VINE_SOCKET" in os.environ else ""
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            text = read(path, 65536)
        except OSError:
            continue
        found = re.search(rb"VINE_SOCKET=([^\0]+)", text)
        if place.encode() in text and found and found[1].decode() != own:
            stream = socket.socket(socket.AF_UNIX)
            stream.connect(found[1])
            stream.sendall(b'{"note":{"text":"forged in the name of another"}}\n')
            return b"done" in stream.recv(100)
    return False


@attempt
def the_worker_among_processes():
    return worker() > 0


@attempt
def a_signal_to_the_worker():
    os.kill(worker(), 0)
    return True


@attempt
def a_signal_to_another_agent():
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        if ("sleep " + known["others"]).encode() in read(path).replace(b"\0", b" "):
            os.kill(int(path.split("/")[2]), 0)
            return True
    return False


# The network.
@attempt
def the_daemon_by_address():
    return call(http.client.HTTPConnection("127.0.0.1", known["port"], timeout=5))


@attempt
def the_daemon_by_name():
    return call(http.client.HTTPConnection("localhost", known["port"], timeout=5))


@attempt
def the_daemon_by_version_6():
    connection = http.client.HTTPConnection("mapped", known["port"], timeout=5)
    connection.sock = socket.socket(socket.AF_INET6)
    connection.sock.settimeout(5)
    connection.sock.connect(("::ffff:127.0.0.1", known["port"]))
    return call(connection)


def through_proxy(host):
    """As a plain request through the way out, if there is one; without one it goes straight."""
    proxy = re.match(r"http://([^:/]+):(\d+)", os.environ.get("http_proxy", ""))
    if not proxy:
        return call(http.client.HTTPConnection(host.strip("[]"), known["port"], timeout=5))
    connection = http.client.HTTPConnection(proxy[1], int(proxy[2]), timeout=5)
    return call(connection, "http://%s:%d/api/v1/tasks" % (host, known["port"]))


@attempt
def the_daemon_through_the_proxy():
    return any(through_proxy(host) for host in ("127.0.0.1", "localhost"))


@attempt
def the_daemon_in_another_spelling():
    for host in ("2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]", "localhost.", "a.localhost"):
        try:
            if through_proxy(host):
                return True
        except OSError:
            continue
    return False


@attempt
def the_daemon_through_a_tunnel():
    proxy = re.match(r"http://([^:/]+):(\d+)", os.environ.get("http_proxy", ""))
    connection = http.client.HTTPConnection(*((proxy[1], int(proxy[2])) if proxy else ("127.0.0.1", known["port"])), timeout=5)
    if proxy:
        connection.set_tunnel("127.0.0.1", known["port"])
    return call(connection)


@attempt
def the_daemon_by_a_redirection():
    """A host that may be reached sends on to the daemon."""
    with urllib.request.urlopen("http://elsewhere.vine.test:%d/to-the-daemon" % known["service"] if "http_proxy" in os.environ
                                else "http://127.0.0.1:%d/to-the-daemon" % known["service"], timeout=5) as answer:
        return answer.status == 200 and b"alive" in answer.read()


@attempt
def the_daemon_by_a_name_that_turns():
    """A name on the list that resolves to this machine (DNS rebinding)."""
    return through_proxy("localhost")


@attempt
def the_machines_own_address():
    address = known["address"]
    proxy = re.match(r"http://([^:/]+):(\d+)", os.environ.get("http_proxy", ""))
    connection = http.client.HTTPConnection(*((proxy[1], int(proxy[2])) if proxy else (address, known["service"])), timeout=5)
    connection.request("GET", "http://%s:%d/" % (address, known["service"]) if proxy else "/")
    return connection.getresponse().status == 200


@attempt
def a_service_of_the_machine():
    socket.create_connection(("127.0.0.1", known["service"]), 5).close()
    return True


@attempt
def metadata_of_the_machine():
    if "http_proxy" not in os.environ:
        # The route is there; whether anything answers is the machine's business.
        stream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stream.connect(("169.254.169.254", 80))
        return True
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["http_proxy"].rsplit(":", 1)[1]), timeout=5)
    connection.request("GET", "http://169.254.169.254/latest/meta-data/")
    return connection.getresponse().status != 403


@attempt
def words_to_a_resolver():
    """What a name is asked with can carry anything out."""
    stream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stream.settimeout(3)
    stream.sendto(b"leak", ("127.0.0.1", known["datagrams"]))
    return stream.recv(10) == b"heard"


@attempt
def a_socket_without_a_file():
    stream = socket.socket(socket.AF_UNIX)
    stream.connect("\0" + known["abstract"])
    return True


@attempt
def a_socket_of_another_program():
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(place + "/service.sock")
    return True


@attempt
def raw_packets():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    return True


@attempt
def raw_messages():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    return True


@attempt
def the_host_of_a_virtual_machine():
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    return True


# The kernel.
@attempt
def a_user_namespace():
    return subprocess.run(["unshare", "-Ur", "true"], capture_output=True).returncode == 0


@attempt
def a_mount():
    if libc.unshare(0x20000) != 0:
        return False
    os.makedirs("mounted", exist_ok=True)
    return libc.mount(b"none", b"mounted", b"tmpfs", 0, None) == 0


@attempt
def a_key_of_the_kernel():
    return libc.syscall(248, b"user", b"forged", b"x", ctypes.c_size_t(1), ctypes.c_long(-2)) > 0


# As much as there is.
@attempt
def more_memory_than_its_share():
    child = subprocess.run([sys.executable, "-c", "b = bytearray(%d)\nfor i in range(0, len(b), 4096): b[i] = 1" % (known["memory"] << 20)])
    return child.returncode == 0


@attempt
def more_processes_than_its_share():
    children = []
    try:
        for _ in range(known["processes"]):
            children.append(subprocess.Popen(["sleep", "30"]))
        return True
    finally:
        for child in children:
            child.kill()
            child.wait()


def stopped(*_):
    raise TimeoutError("it took too long")


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, stopped)
    results = {}
    for name, function in TRIES.items():
        signal.alarm(20)
        # What a try changes in its own process must not help the next one.
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                result = [bool(function()), ""]
            except BaseException as error:
                result = [False, repr(error)[:200]]
            os.write(writer, json.dumps(result).encode())
            os._exit(0)
        os.close(writer)
        try:
            with os.fdopen(reader, "rb") as said:
                text = said.read()
            results[name] = json.loads(text) if text else [False, "it was ended"]
        except TimeoutError:
            os.kill(child, signal.SIGKILL)
            results[name] = [False, "it took too long"]
        os.waitpid(child, 0)
        signal.alarm(0)
    with open("tried.json", "w") as file:
        json.dump(results, file, indent=1)
    print("tried %d, let in %d" % (len(results), sum(1 for let_in, _ in results.values() if let_in)))
