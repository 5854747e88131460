#define _GNU_SOURCE
#include "CLinuxShim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK_SIZE = 32 * 1024, STDIO_COUNT = 3 };

struct child_state {
  struct bh_spawn_request *request;
  pid_t parent;
  int error;  // written by the child, read by the parent after the child has gone or has become the program
};

// Moves the mapped descriptors to their numbers and closes every other one. Sources are first copied above all targets,
// so that a target may be the source of another.
static int arrange_descriptors(struct bh_spawn_request *request) {
  const struct bh_descriptor_mapping *mappings = request->mappings;
  size_t count = request->mapping_count;
  int base = STDIO_COUNT;
  if (count > 0 && mappings[count - 1].child >= base) base = mappings[count - 1].child + 1;

  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return -1;
  int high_null = fcntl(null, F_DUPFD_CLOEXEC, base);
  if (high_null < 0) return -1;
  // The copies have consecutive order but unknown numbers; the lowest unused one is always above `base`.
  int copies[count > 0 ? count : 1];
  for (size_t index = 0; index < count; index++) {
    copies[index] = fcntl(mappings[index].source, F_DUPFD_CLOEXEC, base);
    if (copies[index] < 0) return -1;
  }
  for (int fd = 0; fd < STDIO_COUNT; fd++)
    if (dup2(high_null, fd) < 0) return -1;
  for (size_t index = 0; index < count; index++)
    if (dup2(copies[index], mappings[index].child) < 0) return -1;

  unsigned int next = STDIO_COUNT;
  for (size_t index = 0; index < count; index++) {
    unsigned int child = (unsigned int)mappings[index].child;
    if (child < next) continue;
    if (child > next && close_range(next, child - 1, 0) != 0) return -1;
    next = child + 1;
  }
  return close_range(next, UINT_MAX, 0);
}

static void reset_signals(void) {
  // The kernel's own structure, all zero, is SIG_DFL without flags. sigaction(3) would refuse two signals that glibc
  // uses; SIGKILL and SIGSTOP refuse here, which is as good.
  static const unsigned long default_action[4];
  enum { KERNEL_SET_BYTES = 8 };
  sigset_t none;
  for (int signal = 1; signal < NSIG; signal++)
    syscall(SYS_rt_sigaction, signal, default_action, NULL, KERNEL_SET_BYTES);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

// Runs on the caller's memory while the calling thread is suspended: only async-signal-safe calls, no allocation.
static int child_main(void *argument) {
  struct child_state *state = argument;
  struct bh_spawn_request *request = state->request;
  request->failed = "prctl";
  if (request->parent_death_signal != 0) {
    if (prctl(PR_SET_PDEATHSIG, request->parent_death_signal) != 0) goto failed;
    if (getppid() != state->parent) _exit(127);
  }
  request->failed = "setsid";
  if (request->new_session && setsid() < 0) goto failed;
  request->failed = "chdir";
  if (request->working_directory != NULL && chdir(request->working_directory) != 0) goto failed;
  request->failed = "dup2";
  if (arrange_descriptors(request) != 0) goto failed;
  reset_signals();
  request->failed = "execve";
  execve(request->executable, request->arguments, request->environment);
failed:
  state->error = errno;
  _exit(127);
}

int bh_spawn(struct bh_spawn_request *request, pid_t *pid, int *pidfd) {
  // The caller's own stack serves: CLONE_VFORK suspends this thread until the child has left it.
  _Alignas(16) char stack[STACK_SIZE];
  struct child_state state = {.request = request, .parent = getpid()};
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  request->failed = "clone";
  *pidfd = -1;
  *pid = clone(child_main, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &state, pidfd);
  int error = *pid < 0 ? errno : state.error;
  if (*pid > 0 && error != 0) {
    pid_t result;
    do result = waitpid(*pid, NULL, 0);
    while (result < 0 && errno == EINTR);
    close(*pidfd);
    *pidfd = -1;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error == 0) request->failed = NULL;
  return error;
}
