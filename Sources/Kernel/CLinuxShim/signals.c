#define _GNU_SOURCE
#include "CLinuxShim.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

// The one piece of state a signal handler can reach.
static atomic_int bell = -1;

static void ring(int signal) {
  (void)signal;
  int saved = errno;
  uint64_t one = 1;
  ssize_t written = write(atomic_load(&bell), &one, sizeof one);
  (void)written;
  errno = saved;
}

int bh_signal_bell(const int *signals, size_t count) {
  int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor < 0) return -1;
  atomic_store(&bell, descriptor);
  struct sigaction action = {.sa_handler = ring, .sa_flags = SA_RESTART};
  sigfillset(&action.sa_mask);
  for (size_t index = 0; index < count; index++) {
    if (sigaction(signals[index], &action, NULL) < 0) return -1;
  }
  return descriptor;
}
