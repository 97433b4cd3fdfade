// What a relay of the fault tests is told by its C library while a fault lasts: another time of day, a slow or failing disk.
// Loaded by LD_PRELOAD; shim.ts compiles it and writes the struct below into the file that HAYATE_FAULT_FILE names.
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
#include <time.h>
#include <unistd.h>

struct faults {
  int64_t clock_offset_us; // added to the time of day; monotonic clocks stay
  int32_t sync_delay_us;   // each fsync and fdatasync takes so much longer
  int32_t sync_errno;      // and fails so; 0: not
  int32_t write_errno;     // of writes, and of opening for writing, below HAYATE_FAULT_FOLDER
};

static const volatile struct faults *faults;
static const char *folder;

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("HAYATE_FAULT_FILE");
  folder = getenv("HAYATE_FAULT_FOLDER");
  int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *at = mmap(NULL, sizeof(struct faults), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (at != MAP_FAILED) faults = at;
}

// The library's own function of this name.
#define REAL(name)                \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int below(const char *path) { return folder && strncmp(path, folder, strlen(folder)) == 0; }

static int write_fails(int fd) {
  if (!faults || !faults->write_errno) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return below(path) ? faults->write_errno : 0;
}

int clock_gettime(clockid_t clock, struct timespec *t) {
  REAL(clock_gettime);
  int result = real(clock, t);
  if (result == 0 && faults && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t ns = t->tv_nsec + (faults->clock_offset_us % 1000000) * 1000;
    t->tv_sec += faults->clock_offset_us / 1000000 + (ns < 0 ? -1 : ns / 1000000000);
    t->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
  }
  return result;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  t->tv_sec = now.tv_sec;
  t->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

static int sync_of(int (*real)(int), int fd) {
  if (faults && faults->sync_delay_us) usleep(faults->sync_delay_us);
  if (faults && faults->sync_errno) {
    errno = faults->sync_errno;
    return -1;
  }
  return real(fd);
}

int fsync(int fd) {
  REAL(fsync);
  return sync_of(real, fd);
}

int fdatasync(int fd) {
  REAL(fdatasync);
  return sync_of(real, fd);
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t at) {
  REAL(pwrite64);
  int failed = write_fails(fd);
  if (failed) {
    errno = failed;
    return -1;
  }
  return real(fd, data, bytes, at);
}

int open64(const char *path, int flags, ...) {
  REAL(open64);
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (faults && faults->write_errno && flags & (O_WRONLY | O_RDWR) && below(path)) {
    errno = faults->write_errno;
    return -1;
  }
  return real(path, flags, mode);
}
