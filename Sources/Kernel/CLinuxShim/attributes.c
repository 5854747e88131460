#include "CLinuxShim.h"

#include <stdio.h>
#include <sys/xattr.h>

enum { PROC_PATH_BYTES = 32 };

static const char *proc_path(char buffer[PROC_PATH_BYTES], int fd) {
  snprintf(buffer, PROC_PATH_BYTES, "/proc/self/fd/%d", fd);
  return buffer;
}

int bh_setxattr(int fd, const char *name, const void *value, size_t size) {
  char path[PROC_PATH_BYTES];
  return setxattr(proc_path(path, fd), name, value, size, 0);
}

ssize_t bh_getxattr(int fd, const char *name, void *value, size_t size) {
  char path[PROC_PATH_BYTES];
  return getxattr(proc_path(path, fd), name, value, size);
}

ssize_t bh_listxattr(int fd, void *names, size_t size) {
  char path[PROC_PATH_BYTES];
  return listxattr(proc_path(path, fd), names, size);
}

int bh_removexattr(int fd, const char *name) {
  char path[PROC_PATH_BYTES];
  return removexattr(proc_path(path, fd), name);
}
