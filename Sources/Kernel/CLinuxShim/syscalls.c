#define _GNU_SOURCE
#include "CLinuxShim.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int bh_open_tree(int directory, const char *path, unsigned int flags) {
  return (int)syscall(SYS_open_tree, directory, path, flags);
}

int bh_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned int flags) {
  return (int)syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}

int bh_mount_setattr(int directory, const char *path, unsigned int flags, uint64_t set, uint64_t clear,
                     uint64_t propagation, int user_namespace) {
  struct mount_attr attributes = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
  if (user_namespace >= 0) attributes.userns_fd = (uint64_t)user_namespace;
  return (int)syscall(SYS_mount_setattr, directory, path, flags, &attributes, sizeof attributes);
}

int bh_fsopen(const char *type, unsigned int flags) { return (int)syscall(SYS_fsopen, type, flags); }

int bh_fsconfig(int context, unsigned int command, const char *key, const void *value, int auxiliary) {
  return (int)syscall(SYS_fsconfig, context, command, key, value, auxiliary);
}

int bh_fsmount(int context, unsigned int flags, unsigned int attributes) {
  return (int)syscall(SYS_fsmount, context, flags, attributes);
}

int bh_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
  return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int bh_pidfd_open(pid_t pid, unsigned int flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }

int bh_pidfd_send_signal(int pidfd, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int bh_renameat2(int from, const char *from_path, int to, const char *to_path, unsigned int flags) {
  return (int)syscall(SYS_renameat2, from, from_path, to, to_path, flags);
}

int bh_fchmodat2(int directory, const char *path, unsigned int mode, int flags) {
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
  return (int)syscall(SYS_fchmodat2, directory, path, mode, flags);
}

ssize_t bh_getdents(int directory, void *buffer, size_t size) {
  return (ssize_t)syscall(SYS_getdents64, directory, buffer, size);
}

int bh_ioctl_pointer(int fd, unsigned long request, void *argument) { return ioctl(fd, request, argument); }

int bh_quotactl_fd(int fd, unsigned int command, unsigned int id, void *argument) {
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
  return (int)syscall(SYS_quotactl_fd, fd, command, id, argument);
}

int bh_pipe2(int ends[2], int flags) { return pipe2(ends, flags); }

int bh_syncfs(int fd) { return syncfs(fd); }

int bh_memfd_create(const char *name, unsigned int flags) { return memfd_create(name, flags); }

int bh_accept4(int listener, int flags) { return accept4(listener, NULL, NULL, flags); }

int bh_eventfd(unsigned int initial, int flags) { return eventfd(initial, flags); }

int bh_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int bh_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  return epoll_ctl(epoll, operation, fd, &event);
}

int bh_epoll_wait(int epoll, uint64_t *data, uint32_t *events, int capacity) {
  enum { MOST = 64 };
  struct epoll_event ready[MOST];
  int count = epoll_wait(epoll, ready, capacity < MOST ? capacity : MOST, -1);
  for (int index = 0; index < count; index++) {
    data[index] = ready[index].data.u64;
    events[index] = ready[index].events;
  }
  return count;
}

int bh_set_thread_name(const char *name) { return pthread_setname_np(pthread_self(), name); }

int bh_inotify_create(void) { return inotify_init1(IN_CLOEXEC | IN_NONBLOCK); }

int bh_inotify_add(int inotify, const char *path, uint32_t mask) { return inotify_add_watch(inotify, path, mask); }

int bh_inotify_remove(int inotify, int watch) { return inotify_rm_watch(inotify, watch); }

int bh_map_allocations_from(int size) { return mallopt(M_MMAP_THRESHOLD, size); }

int bh_bound_arenas(int count) { return mallopt(M_ARENA_MAX, count); }

int bh_trim_heap(void) { return malloc_trim(0); }
