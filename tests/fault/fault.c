// Preloaded into the program by tests/fault.py: the n-th call of a kind fails.
// SPDX-License-Identifier: Apache-2.0
//
//   FAULT=KIND:N   the N-th call of the kind fails; KIND+:N that and all later ones (a full disk);
//                  short:N the N-th write, shortread:N the N-th read, does half
//   FAULT_LOG=FILE at exit: how often each kind was called, blocks still allocated
//
// Calls are counted in processes named `leat` only, from the start of main on. The C library's own
// streams do not come by here.
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#pragma GCC visibility push(default)

enum { ALLOC, READ, WRITE, FSYNC, RENAME, KINDS };
static const char *const names[KINDS] = {"alloc", "read", "write", "fsync", "rename"};
static atomic_long calls[KINDS], live;
static long chosen;
static int kind = -1;
static bool counting, onward, half;

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

__attribute__((constructor)) static void start(void) {
  const char *fault = getenv("FAULT");
  counting = strcmp(program_invocation_short_name, "leat") == 0;
  if (!counting || !fault) return;
  const char *colon = strchr(fault, ':');
  size_t length = colon ? (size_t)(colon - fault) : 0;
  chosen = colon ? atol(colon + 1) : 0;
  half = strncmp(fault, "short", 5) == 0;
  if (half) kind = strncmp(fault, "shortread", length) == 0 && length == 9 ? READ : WRITE;
  onward = length && fault[length - 1] == '+';
  for (int i = 0; i < KINDS && !half; i++)
    if (strncmp(fault, names[i], strlen(names[i])) == 0) kind = i;
}

__attribute__((destructor)) static void finish(void) {
  const char *path = getenv("FAULT_LOG");
  char text[256];
  if (!counting || !path) return;
  counting = false;
  int length = 0;
  for (int i = 0; i < KINDS; i++)
    length += snprintf(text + length, sizeof text - (size_t)length, "%s %ld\n", names[i], calls[i]);
  length += snprintf(text + length, sizeof text - (size_t)length, "live %ld\n", live);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd >= 0) syscall(SYS_write, fd, text, (size_t)length);
  if (fd >= 0) close(fd);
}

static bool fails(int which) {
  if (!counting) return false;
  long n = atomic_fetch_add(&calls[which], 1) + 1;
  return which == kind && (onward ? n >= chosen : n == chosen);
}

static bool refused(void) {
  if (!fails(ALLOC)) return false;
  errno = ENOMEM;
  return true;
}

static void *made(void *block) {
  if (block) atomic_fetch_add(&live, 1);
  return block;
}

void *malloc(size_t bytes) { return refused() ? NULL : made(__libc_malloc(bytes)); }
void *calloc(size_t n, size_t bytes) { return refused() ? NULL : made(__libc_calloc(n, bytes)); }
void *realloc(void *block, size_t bytes) {
  if (refused()) return NULL;
  void *moved = __libc_realloc(block, bytes);
  return block ? moved : made(moved);
}
void *aligned_alloc(size_t align, size_t bytes) {
  return refused() ? NULL : made(__libc_memalign(align, bytes));
}
int posix_memalign(void **out, size_t align, size_t bytes) {
  if (refused()) return ENOMEM;
  *out = made(__libc_memalign(align, bytes));
  return *out ? 0 : ENOMEM;
}
void free(void *block) {
  if (block) atomic_fetch_sub(&live, 1);
  __libc_free(block);
}

ssize_t read(int fd, void *to, size_t bytes) {
  bool fail = fails(READ);
  if (fail && !half) return errno = EIO, -1;
  return syscall(SYS_read, fd, to, fail && bytes > 1 ? bytes / 2 : bytes);
}
ssize_t write(int fd, const void *from, size_t bytes) {
  bool fail = fails(WRITE);
  if (fail && !half) return errno = ENOSPC, -1;
  return syscall(SYS_write, fd, from, fail && bytes > 1 ? bytes / 2 : bytes);
}
int fsync(int fd) { return fails(FSYNC) ? (errno = EIO, -1) : (int)syscall(SYS_fsync, fd); }
int rename(const char *from, const char *to) {
  if (fails(RENAME)) return errno = EIO, -1;
  return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}
