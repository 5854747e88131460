#define _GNU_SOURCE
#include "CLinuxShim.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint32_t bit(int capability) { return UINT32_C(1) << capability; }

int bh_become_root_of(int user_namespace) {
  // While this is still the host's root: the groups of the caller would stay valid inside.
  if (setgroups(0, NULL) != 0) return -1;
  if (setns(user_namespace, CLONE_NEWUSER) != 0) return -1;
  if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) return -1;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return -1;
  // All capabilities over files are below 32.
  uint32_t files = bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_DAC_READ_SEARCH) | bit(CAP_FOWNER) |
                   bit(CAP_FSETID) | bit(CAP_SETFCAP);
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[2] = {{.effective = files, .permitted = files}};
  return (int)syscall(SYS_capset, &header, data);
}

int bh_become_user(uid_t user, gid_t group) {
  // The bounding set first: it takes a capability to shrink it.
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return -1;
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return -1;
  if (setgroups(0, NULL) != 0) return -1;
  if (setresgid(group, group, group) != 0 || setresuid(user, user, user) != 0) return -1;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct none[2] = {{0}};
  if (syscall(SYS_capset, &header, none) != 0) return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
