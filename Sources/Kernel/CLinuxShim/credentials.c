#define _GNU_SOURCE
#include "CLinuxShim.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

int bh_assume_file_ids(uid_t user, gid_t group) {
  setfsgid(group);
  setfsuid(user);
  // The calls tell no failure; asking with an impossible id returns the present one.
  if ((uid_t)setfsuid((uid_t)-1) != user || (gid_t)setfsgid((gid_t)-1) != group) {
    errno = EPERM;
    return -1;
  }
  // Leaving id 0 has dropped the capabilities over files from the effective set; they are still permitted.
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) < 0) return -1;
  for (int word = 0; word < 2; word++) data[word].effective = data[word].permitted;
  return (int)syscall(SYS_capset, &header, data);
}
