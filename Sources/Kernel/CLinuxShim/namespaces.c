#define _GNU_SOURCE
#include "CLinuxShim.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// The child shares the caller's memory and even its thread-local storage, so it may not fail in a way that sets errno:
// with all signals blocked, none of these calls can.
static int wait_for_kill(void *argument) {
  pid_t parent = *(pid_t *)argument;
  syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (syscall(SYS_getppid) != parent) syscall(SYS_exit, 0);
  for (;;) syscall(SYS_pause);
  return 0;
}

pid_t bh_namespace_child(int flags, void *stack, size_t stack_size) {
  sigset_t all, before;
  // The parent's pid stands at the low end of the stack: it outlives this frame.
  pid_t *parent = stack;
  *parent = getpid();
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  // No exit signal: nobody's SIGCHLD handling or wait(-1) sees this child.
  pid_t pid = clone(wait_for_kill, (char *)stack + stack_size, flags | CLONE_VM | CLONE_FILES, parent);
  int saved = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = saved;
  return pid;
}

int bh_namespace_reap(pid_t pid) {
  int status;
  kill(pid, SIGKILL);
  pid_t result;
  do result = waitpid(pid, &status, __WALL);
  while (result < 0 && errno == EINTR);
  return result < 0 ? -1 : 0;
}

struct thread_call {
  struct bh_namespace_request *request;
  void (*body)(void *);
  void *context;
  int error;
};

static int change_namespaces(struct bh_namespace_request *request) {
  request->failed = "unshare";
  if (unshare(CLONE_FS) != 0) return errno;
  for (size_t index = 0; index < request->enter_count; index++) {
    request->failed = "setns";
    if (setns(request->enter[index], 0) != 0) return errno;
  }
  request->failed = "unshare";
  if (request->unshare_flags != 0 && unshare(request->unshare_flags) != 0) return errno;
  request->failed = "mount";
  if ((request->unshare_flags & CLONE_NEWNS) && mount("", "/", NULL, MS_REC | request->propagation, NULL) != 0)
    return errno;
  request->failed = NULL;
  return 0;
}

static void *thread_main(void *argument) {
  struct thread_call *call = argument;
  call->error = change_namespaces(call->request);
  if (call->error == 0) call->body(call->context);
  return NULL;
}

int bh_run_in_namespaces(struct bh_namespace_request *request, void (*body)(void *), void *context) {
  enum { STACK_SIZE = 1024 * 1024 };
  struct thread_call call = {.request = request, .body = body, .context = context};
  pthread_attr_t attributes;
  pthread_t thread;
  request->failed = "pthread_create";
  int error = pthread_attr_init(&attributes);
  if (error != 0) return error;
  error = pthread_attr_setstacksize(&attributes, STACK_SIZE);
  if (error == 0) error = pthread_create(&thread, &attributes, thread_main, &call);
  pthread_attr_destroy(&attributes);
  if (error != 0) return error;
  pthread_join(thread, NULL);
  return call.error;
}
