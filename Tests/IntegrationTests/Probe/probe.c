// A program for containers under test: does what busybox cannot, and says how it ended.
//
//   probe udp-echo PORT       answers every datagram with itself
//   probe call NAME           makes one system call and prints "allowed" or the name of the error
//   probe fds                 prints the targets of all open descriptors above 2
//   probe euid                prints the effective user id
//   probe capabilities        prints the effective capabilities as /proc tells them
//   probe open-fds            opens descriptors until the limit, prints how many
//   probe inotify             makes inotify instances until the limit, prints how many
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int udp_echo(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sock < 0 || bind(sock, (struct sockaddr *)&address, sizeof address) < 0) return 1;
  for (;;) {
    char buffer[65536];
    socklen_t length = sizeof address;
    ssize_t count = recvfrom(sock, buffer, sizeof buffer, 0, (struct sockaddr *)&address, &length);
    if (count >= 0) sendto(sock, buffer, count, 0, (struct sockaddr *)&address, length);
  }
}

static long call(const char *name) {
  static char page[4096];
  if (!strcmp(name, "mount")) return mount("none", "/tmp", "tmpfs", 0, NULL);
  if (!strcmp(name, "umount2")) return umount2("/proc/kcore", MNT_DETACH);
  if (!strcmp(name, "pivot_root")) return syscall(SYS_pivot_root, "/tmp", "/tmp");
  if (!strcmp(name, "unshare-user")) return unshare(CLONE_NEWUSER);
  if (!strcmp(name, "unshare-mount")) return unshare(CLONE_NEWNS);
  if (!strcmp(name, "setns")) return setns(open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), 0);
  if (!strcmp(name, "clone-user")) {
    long child = syscall(SYS_clone, CLONE_NEWUSER | 17, 0, 0, 0, 0);
    if (child == 0) _exit(0);
    return child;
  }
  if (!strcmp(name, "clone3")) return syscall(SYS_clone3, page, 0);
  if (!strcmp(name, "keyctl")) return syscall(SYS_keyctl, 0, -3, 1, 0, 0);
  if (!strcmp(name, "add_key")) return syscall(SYS_add_key, "user", "probe", "x", 1, -3);
  if (!strcmp(name, "request_key")) return syscall(SYS_request_key, "user", "probe", NULL, 0);
  if (!strcmp(name, "bpf")) return syscall(SYS_bpf, BPF_PROG_LOAD, page, sizeof(union bpf_attr));
  if (!strcmp(name, "perf_event_open")) return syscall(SYS_perf_event_open, page, 0, -1, -1, 0);
  if (!strcmp(name, "userfaultfd")) return syscall(SYS_userfaultfd, O_CLOEXEC);
  if (!strcmp(name, "open_by_handle_at")) return syscall(SYS_open_by_handle_at, AT_FDCWD, page, 0);
  if (!strcmp(name, "kexec_load")) return syscall(SYS_kexec_load, 0, 0, NULL, 0);
  if (!strcmp(name, "io_uring_setup")) return syscall(SYS_io_uring_setup, 1, page);
  if (!strcmp(name, "init_module")) return syscall(SYS_init_module, page, 16, "");
  if (!strcmp(name, "reboot")) return syscall(SYS_reboot, 0, 0, 0, NULL);
  if (!strcmp(name, "swapon")) return syscall(SYS_swapon, "/tmp", 0);
  if (!strcmp(name, "ptrace-host")) return syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0);
  if (!strcmp(name, "getpid")) return getpid();
  errno = EINVAL;
  return -1;
}

static int fds(void) {
  for (int fd = 3; fd < 1024; fd++) {
    char link[64], target[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length < 0) continue;
    target[length] = 0;
    printf("%d %s\n", fd, target);
  }
  return 0;
}

static int capabilities(void) {
  char line[256], value[64];
  FILE *status = fopen("/proc/self/status", "re");
  while (status && fgets(line, sizeof line, status)) {
    if (sscanf(line, "CapEff: %63s", value) == 1) return puts(value) < 0;
  }
  return 1;
}

int main(int count, char **arguments) {
  const char *what = count > 1 ? arguments[1] : "";
  if (!strcmp(what, "udp-echo") && count == 3) return udp_echo(atoi(arguments[2]));
  if (!strcmp(what, "fds")) return fds();
  if (!strcmp(what, "capabilities")) return capabilities();
  if (!strcmp(what, "euid")) return printf("%d\n", geteuid()) < 0;
  if (!strcmp(what, "call") && count == 3) {
    errno = 0;
    long result = call(arguments[2]);
    printf("%s\n", result >= 0 ? "allowed" : strerrorname_np(errno));
    return 0;
  }
  int made = 0;
  if (!strcmp(what, "open-fds")) {
    while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) made++;
  } else if (!strcmp(what, "inotify")) {
    while (made < 100000 && inotify_init1(IN_CLOEXEC) >= 0) made++;
  } else {
    return 64;
  }
  printf("%d\n", made);
  return 0;
}
