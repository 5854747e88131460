// What Swift cannot call by itself: system calls without a libc wrapper, variadic calls, and the code that has to run
// between clone() and execve() or on a thread that changes its namespaces. Nothing here allocates for its caller.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

// System calls. Each returns -1 and sets errno on failure, like the kernel's manual pages (section 2) say.
int bh_open_tree(int directory, const char *path, unsigned int flags);
int bh_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned int flags);
int bh_mount_setattr(int directory, const char *path, unsigned int flags, uint64_t set, uint64_t clear,
                     uint64_t propagation, int user_namespace);
int bh_fsopen(const char *type, unsigned int flags);
int bh_fsconfig(int context, unsigned int command, const char *key, const void *value, int auxiliary);
int bh_fsmount(int context, unsigned int flags, unsigned int attributes);
int bh_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int bh_pidfd_open(pid_t pid, unsigned int flags);
int bh_pidfd_send_signal(int pidfd, int signal);
int bh_renameat2(int from, const char *from_path, int to, const char *to_path, unsigned int flags);
int bh_fchmodat2(int directory, const char *path, unsigned int mode, int flags);
ssize_t bh_getdents(int directory, void *buffer, size_t size);
int bh_ioctl_pointer(int fd, unsigned long request, void *argument);
int bh_quotactl_fd(int fd, unsigned int command, unsigned int id, void *argument);

// Calls that the C library only shows to GNU programs, which Swift's import of it is not.
int bh_pipe2(int ends[2], int flags);
int bh_syncfs(int fd);
int bh_memfd_create(const char *name, unsigned int flags);
int bh_accept4(int listener, int flags);
int bh_eventfd(unsigned int initial, int flags);
int bh_epoll_create(void);
// epoll_ctl with the event in pieces; `operation` is EPOLL_CTL_*.
int bh_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t data);
// epoll_wait without a timeout for one or more events, at most `capacity` and 64.
int bh_epoll_wait(int epoll, uint64_t *data, uint32_t *events, int capacity);
int bh_set_thread_name(const char *name);
// mallopt(3) with M_MMAP_THRESHOLD; false where the allocator does not take it.
int bh_map_allocations_from(int size);
// The same with M_ARENA_MAX.
int bh_bound_arenas(int count);
// malloc_trim(3) that keeps nothing; false where nothing was given back.
int bh_trim_heap(void);

// Extended attributes (xattr(7)) of an open file, O_PATH being enough, by way of /proc/self/fd.
int bh_setxattr(int fd, const char *name, const void *value, size_t size);
ssize_t bh_getxattr(int fd, const char *name, void *value, size_t size);
ssize_t bh_listxattr(int fd, void *names, size_t size);
int bh_removexattr(int fd, const char *name);

// One message with exactly one descriptor in it (EBADMSG otherwise, with all that came closed).
int bh_receive_descriptor(int socket);
int bh_send_descriptor(int socket, int fd);
int bh_peer_credentials(int socket, pid_t *pid, uid_t *uid, gid_t *gid);

// Datagrams in one call (recvmmsg(2)), at most 64, without waiting for any. Datagram i lies at `bytes` + i * `room` and has lengths[i]
// bytes; longer ones than `room` are cut.
int bh_receive_datagrams(int socket, void *bytes, size_t room, int capacity, uint32_t *lengths,
                         struct sockaddr_storage *senders);

int bh_inotify_create(void);
int bh_inotify_add(int inotify, const char *path, uint32_t mask);
int bh_inotify_remove(int inotify, int watch);

// A child that only exists to hold new namespaces (CLONE_NEW*) open. Returns its pid, or -1 with errno set.
// The child shares memory and descriptors with the caller, runs no code but waiting, and dies with the calling thread.
pid_t bh_namespace_child(int flags, void *stack, size_t stack_size);
// Kills and reaps a child made by bh_namespace_child.
int bh_namespace_reap(pid_t pid);

// A joined thread that changes its namespaces before it runs `body`.
struct bh_namespace_request {
  const int *enter;      // namespace descriptors for setns(), in order
  size_t enter_count;
  int unshare_flags;     // CLONE_NEW*, CLONE_FS is always added
  unsigned long propagation;  // MS_SLAVE or MS_PRIVATE for "/" after CLONE_NEWNS
  const char *failed;    // out: the operation that failed
};
// Returns 0 after `body` ran, else the errno of what failed (then `body` did not run).
int bh_run_in_namespaces(struct bh_namespace_request *request, void (*body)(void *), void *context);

struct bh_descriptor_mapping {
  int child;
  int source;
};

struct bh_spawn_request {
  const char *executable;
  char *const *arguments;
  char *const *environment;
  const char *working_directory;                 // or NULL
  const struct bh_descriptor_mapping *mappings;  // sorted by `child`, no duplicates
  size_t mapping_count;
  int new_session;
  int parent_death_signal;  // 0 for none
  const char *failed;       // out: the operation that failed
};
// Starts a program. Returns 0, or the errno of what failed in the parent or in the child before the program ran.
int bh_spawn(struct bh_spawn_request *request, pid_t *pid, int *pidfd);

// Installs a handler for the given signals and returns an eventfd(2) that becomes readable when one of them comes; to be
// called once in a process. (signalfd(2) needs the signals blocked in every thread, which the main thread of a program
// under libdispatch does not keep up.)
int bh_signal_bell(const int *signals, size_t count);

// Makes a process with one thread the root of a user namespace: its ids, and there only the capabilities over files.
// Returns 0, or -1 with errno set; then the process must end.
int bh_become_root_of(int user_namespace);
// Makes the calling thread, and by the C library all others, run as a user with one group, without capabilities and
// with no way to new ones. The bounding set and no_new_privs are the calling thread's: execute a program next.
int bh_become_user(uid_t user, gid_t group);
