/* Asks a name server for one name for some seconds over UDP sockets with one question open on each, as resolvers do.
 *
 *   dnsload SERVER NAME SOCKETS SECONDS    prints answers per second and the microseconds that 99 of 100 took at most
 *
 * Only answers without error that have an address count; any other one ends the program with 1. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { MAXIMUM_SOCKETS = 64, MAXIMUM_MICROSECONDS = 1000000 };

static uint32_t taken[MAXIMUM_MICROSECONDS + 1];

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int question(uint8_t *out, const char *name) {
  static const uint8_t head[12] = {0, 0, 1, 0, 0, 1};
  memcpy(out, head, 12);
  int size = 12;
  while (*name) {
    int length = (int)strcspn(name, ".");
    out[size++] = (uint8_t)length;
    memcpy(out + size, name, (size_t)length);
    size += length;
    name += length + (name[length] == '.');
  }
  memcpy(out + size, "\0\0\1\0\1", 5);
  return size + 5;
}

int main(int count, char **arguments) {
  if (count != 5) return 64;
  int sockets = atoi(arguments[3]);
  if (sockets < 1 || sockets > MAXIMUM_SOCKETS) return 64;
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(53)};
  inet_pton(AF_INET, arguments[1], &server.sin_addr);
  uint8_t query[300], answer[1500];
  int size = question(query, arguments[2]);
  struct pollfd waits[MAXIMUM_SOCKETS];
  int64_t asked[MAXIMUM_SOCKETS];
  uint16_t ids[MAXIMUM_SOCKETS];
  for (int i = 0; i < sockets; i++) {
    waits[i] = (struct pollfd){.fd = socket(AF_INET, SOCK_DGRAM, 0), .events = POLLIN};
    if (connect(waits[i].fd, (struct sockaddr *)&server, sizeof server) != 0) return 1;
    ids[i] = (uint16_t)(i * 997);
    asked[i] = 0;
  }
  int64_t begin = now(), end = begin + atoi(arguments[4]) * 1000000000LL, answers = 0, moment = begin;
  while (moment < end) {
    for (int i = 0; i < sockets; i++) {
      if (asked[i]) continue;
      ids[i]++;
      query[0] = (uint8_t)(ids[i] >> 8), query[1] = (uint8_t)ids[i];
      asked[i] = now();
      if (send(waits[i].fd, query, (size_t)size, 0) != size) return 1;
    }
    if (poll(waits, (nfds_t)sockets, 1000) <= 0) { fprintf(stderr, "no answer within a second\n"); return 1; }
    moment = now();
    for (int i = 0; i < sockets; i++) {
      if (!(waits[i].revents & POLLIN)) continue;
      ssize_t got = recv(waits[i].fd, answer, sizeof answer, 0);
      if (got < 12 || ((answer[0] << 8) | answer[1]) != ids[i]) continue;
      if ((answer[3] & 15) != 0 || ((answer[6] << 8) | answer[7]) == 0) { fprintf(stderr, "an answer without an address\n"); return 1; }
      int64_t microseconds = (moment - asked[i]) / 1000;
      taken[microseconds > MAXIMUM_MICROSECONDS ? MAXIMUM_MICROSECONDS : microseconds]++;
      asked[i] = 0;
      answers++;
    }
  }
  int64_t seen = 0;
  int late = 0;
  while (late < MAXIMUM_MICROSECONDS && (seen += taken[late]) * 100 < answers * 99) late++;
  printf("%.0f %d\n", (double)answers * 1e9 / (double)(moment - begin), late);
  return 0;
}
