// What a machine can do to a process, loaded before its C library: a clock that is set, and a disk that
// fails under files of one name. A page of memory that the test shares says what is to fail now, and counts
// what did.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, READ = 4, OPEN = 8 };

struct page {
    volatile int64_t clock_ms;
    volatile int32_t calls;   // which calls fail
    volatile int32_t error;   // with which errno
    volatile int32_t fired;
};

static struct page *page;
static char name[64];

#define REAL(call) ({ static __typeof__(&call) real; if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, #call); real; })

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS_PAGE"), *wanted = getenv("FAULTS_FILE");
    if (wanted) snprintf(name, sizeof name, "%s", wanted);
    int fd = path ? REAL(open)(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *shared = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared != MAP_FAILED) page = shared;
    close(fd);
}

static int fails_for(int call, const char *path) {
    if (!page || !(page->calls & call) || !path || !name[0] || !strstr(path, name)) return 0;
    __atomic_add_fetch(&page->fired, 1, __ATOMIC_RELAXED);
    errno = page->error;
    return 1;
}

static int fails(int call, int fd) {
    if (!page || !(page->calls & call)) return 0;
    char link[64], path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails_for(call, path);
}

ssize_t write(int fd, const void *from, size_t n) { return fails(WRITE, fd) ? -1 : REAL(write)(fd, from, n); }
ssize_t pwrite(int fd, const void *from, size_t n, off_t at) { return fails(WRITE, fd) ? -1 : REAL(pwrite)(fd, from, n, at); }
ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at) { return fails(WRITE, fd) ? -1 : REAL(pwrite64)(fd, from, n, at); }
int ftruncate(int fd, off_t to) { return fails(WRITE, fd) ? -1 : REAL(ftruncate)(fd, to); }
int ftruncate64(int fd, off64_t to) { return fails(WRITE, fd) ? -1 : REAL(ftruncate64)(fd, to); }
int fsync(int fd) { return fails(SYNC, fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails(SYNC, fd) ? -1 : REAL(fdatasync)(fd); }
ssize_t read(int fd, void *to, size_t n) { return fails(READ, fd) ? -1 : REAL(read)(fd, to, n); }
ssize_t pread(int fd, void *to, size_t n, off_t at) { return fails(READ, fd) ? -1 : REAL(pread)(fd, to, n, at); }
ssize_t pread64(int fd, void *to, size_t n, off64_t at) { return fails(READ, fd) ? -1 : REAL(pread64)(fd, to, n, at); }

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return fails_for(OPEN, path) ? -1 : REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return fails_for(OPEN, path) ? -1 : REAL(open64)(path, flags, mode);
}

int clock_gettime(clockid_t clock, struct timespec *to) {
    int result = REAL(clock_gettime)(clock, to);
    if (!result && page && page->clock_ms && clock == CLOCK_REALTIME) {
        to->tv_sec += page->clock_ms / 1000;
    }
    return result;
}

int gettimeofday(struct timeval *restrict to, void *restrict zone) {
    int result = REAL(gettimeofday)(to, zone);
    if (!result && page) to->tv_sec += page->clock_ms / 1000;
    return result;
}

time_t time(time_t *to) {
    time_t now = REAL(time)(NULL) + (page ? page->clock_ms / 1000 : 0);
    if (to) *to = now;
    return now;
}
