"""What a scan costs: CPU time, wall time, memory, and how much of a large file is touched.  Nobody else's scanner is packaged for Debian; the figures
of picklescan and modelscan stand in the table as they were measured on a like machine."""
import collections
import ctypes
import ctypes.util
import mmap
import os
import pickle
import pathlib
import resource
import struct
import subprocess
import tempfile
import zlib

MOAT = os.environ.get("MOAT", str(pathlib.Path(__file__).resolve().parents[2] / "build/release/moat"))
PAGE = mmap.PAGESIZE


def cost(*args, runs=5):
    """The best of several runs: CPU s, wall s, RSS in MB of the largest process."""
    best = None
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        at = os.times().elapsed
        p = subprocess.Popen([MOAT, "model", "scan", *args], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(p.pid, 0)
        wall, after = os.times().elapsed - at, resource.getrusage(resource.RUSAGE_CHILDREN)
        assert os.waitstatus_to_exitcode(status) == 0, args
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = min(best or (cpu, wall, 0), (cpu, wall, usage.ru_maxrss / 1024))
    return best


def wall_ms(*args, runs=50):
    import time
    times = []
    for _ in range(runs):
        at = time.perf_counter()
        subprocess.run([MOAT, "model", "scan", *args], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - at)
    return sorted(times)[len(times) // 2] * 1000, min(times) * 1000


def resident(path):
    """Bytes of the file that are in the page cache."""
    libc = ctypes.CDLL(None, use_errno=True)
    size = os.path.getsize(path)
    with open(path, "rb") as f:
        m = mmap.mmap(f.fileno(), size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
        vec = (ctypes.c_ubyte * ((size + PAGE - 1) // PAGE))()
        at = ctypes.addressof(ctypes.c_char.from_buffer(m))
        assert libc.mincore(ctypes.c_void_p(at), ctypes.c_size_t(size), vec) == 0
        return sum(b & 1 for b in vec) * PAGE


def forget(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def tensor_ref(key, n):
    """What torch.save writes for a tensor, with names that resolve to nothing here: pickled by hand."""
    return (b"ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\n" + b"X" + struct.pack("<I", len(key)) + key +
            b"X\3\0\0\0cpuM" + b"\xff\xff" + b"tQK\0(M\xff\xfft(K\1t\x89ccollections\nOrderedDict\n)RtR")


def torch_zip(path, tensors=2048, size=1 << 20):
    """A torch archive whose tensors are holes in the file: as large as it says, quick to make."""
    body = b"\x80\2}(" + b"".join(b"X" + struct.pack("<I", len(b"w%d" % i)) + b"w%d" % i + tensor_ref(b"%d" % i, size // 4) for i in range(tensors)) + b"u."
    crc, central = zlib.crc32(bytes(size)), b""
    with open(path, "wb") as f:
        def member(name, data, n, crc):
            nonlocal central
            at = f.tell()
            pad = -(at + 30 + len(name) + 4) % 64
            extra = struct.pack("<2sH", b"FB", pad) + b"Z" * pad
            f.write(struct.pack("<4s5H3I2H", b"PK\3\4", 0, 0x808, 0, 0, 0, crc, n, n, len(name), len(extra)) + name + extra)
            f.write(data) if data is not None else f.seek(n, 1)
            central += struct.pack("<4s6H3I5H2I", b"PK\1\2", 0, 0, 0x808, 0, 0, 0, crc, n, n, len(name), 0, 0, 0, 0, 0, at) + name
        member(b"m/data.pkl", body, len(body), zlib.crc32(body))
        for i in range(tensors):
            member(b"m/data/%d" % i, None, size, crc)
        member(b"m/version", b"3\n", 2, zlib.crc32(b"3\n"))
        at = f.tell()
        f.write(central + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, tensors + 2, tensors + 2, len(central), at, 0))


def small_pickles(folder, n=10000):
    for i in range(n):
        with open(f"{folder}/{i}.pkl", "wb") as f:
            pickle.dump({"a": list(range(i % 50)), "w": [float(k) for k in range(380)], "d": collections.OrderedDict(a=i)}, f)
    return n


def line(what, *figures):
    print("%-46s" % what, *("%14s" % x for x in figures), flush=True)


with tempfile.TemporaryDirectory() as d:
    line("", "CPU s", "wall s", "RSS MB", "picklescan", "modelscan")
    os.mkdir(f"{d}/small")
    n = small_pickles(f"{d}/small")
    first = f"{d}/small/7.pkl"
    cpu, wall, rss = cost(first)
    line("start and one small pickle", "%.4f" % cpu, "%.4f" % wall, "%.0f" % rss, ".19 s", "1.03 s")
    line("  wall ms: median, least of 50", *("%.2f" % x for x in wall_ms(first)))
    cpu, wall, rss = cost(f"{d}/small")
    line(f"{n} small pickles", "%.3f" % cpu, "%.3f" % wall, "%.0f" % rss, "5.36 CPU s", "8.57 CPU s")
    line("  pickles per CPU s", "%.0f" % (n / cpu), "", "", "1866", "1167")
    big = f"{d}/big.pt"
    torch_zip(big)
    cpu, wall, rss = cost(big)
    line("torch zip, 2048 tensors, 2 GiB", "%.4f" % cpu, "%.4f" % wall, "%.0f" % rss, ".31 CPU s", "1.46 CPU s")
    forget(big)
    left = resident(big)
    cost(big, runs=1)
    line("  MB of it in the page cache after a cold scan", "%.1f" % ((resident(big) - left) / 1e6))
