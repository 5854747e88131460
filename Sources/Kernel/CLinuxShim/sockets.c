#define _GNU_SOURCE
#include "CLinuxShim.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// Room for more than one descriptor, so that surplus ones arrive and can be closed instead of being dropped silently.
enum { MOST_DESCRIPTORS = 16 };

union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
};

int bh_receive_descriptor(int socket) {
  char data[4096];
  union control control;
  struct iovec part = {.iov_base = data, .iov_len = sizeof data};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) < 0) return -1;
  int found = -1;
  int count = 0;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t bytes = header->cmsg_len - CMSG_LEN(0);
    for (size_t offset = 0; offset + sizeof(int) <= bytes; offset += sizeof(int)) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + offset, sizeof fd);
      if (count++ == 0)
        found = fd;
      else
        close(fd);
    }
  }
  if (count == 1) return found;
  if (found >= 0) close(found);
  errno = EBADMSG;
  return -1;
}

int bh_send_descriptor(int socket, int fd) {
  char data = 0;
  union control control;
  memset(&control, 0, sizeof control);
  struct iovec part = {.iov_base = &data, .iov_len = 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(sizeof fd)};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int bh_peer_credentials(int socket, pid_t *pid, uid_t *uid, gid_t *gid) {
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return -1;
  *pid = peer.pid;
  *uid = peer.uid;
  *gid = peer.gid;
  return 0;
}

enum { MOST_DATAGRAMS = 64 };

int bh_receive_datagrams(int socket, void *bytes, size_t room, int capacity, uint32_t *lengths,
                         struct sockaddr_storage *senders) {
  struct iovec parts[MOST_DATAGRAMS];
  struct mmsghdr messages[MOST_DATAGRAMS];
  if (capacity > MOST_DATAGRAMS) capacity = MOST_DATAGRAMS;
  for (int i = 0; i < capacity; i++) {
    parts[i] = (struct iovec){.iov_base = (char *)bytes + (size_t)i * room, .iov_len = room};
    messages[i].msg_hdr = (struct msghdr){
        .msg_name = &senders[i], .msg_namelen = sizeof senders[i], .msg_iov = &parts[i], .msg_iovlen = 1};
  }
  int count;
  do count = recvmmsg(socket, messages, (unsigned int)capacity, MSG_DONTWAIT, NULL);
  while (count < 0 && errno == EINTR);
  for (int i = 0; i < count; i++) lengths[i] = messages[i].msg_len;
  return count;
}
