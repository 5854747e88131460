/* Opens watches at a Kubernetes API over TLS and tells how long one change takes to reach all of them.
 *
 *   watchload HOST PORT PATH TOKEN WATCHERS CHANGES
 *
 * PATH is watched with `?watch=true&resourceVersion=0…` as it is given. Prints `ready` once every watch has its answer's head and has been
 * silent since; then, for each line on its input (a change is being made now), the milliseconds until the last watcher saw something
 * new. Anything but 200, and a watch that ends, ends the program with 1. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAXIMUM_WATCHERS = 2000, LIMIT_MILLISECONDS = 20000, SILENCE_MILLISECONDS = 500 };

static SSL *watches[MAXIMUM_WATCHERS];
static char seen[MAXIMUM_WATCHERS];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void fail(const char *reason, int number) {
  fprintf(stderr, "watchload: %s (watch %d)\n", reason, number);
  exit(1);
}

static void begin(SSL_CTX *context, char **arguments, int number) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[2]))};
  if (inet_pton(AF_INET, arguments[1], &address.sin_addr) != 1) fail("bad address", number);
  int descriptor = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address)) fail("cannot connect", number);
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  SSL *watch = watches[number] = SSL_new(context);
  SSL_set_fd(watch, descriptor);
  if (SSL_connect(watch) != 1) fail("no TLS", number);
  char request[8192], answer[8192];
  int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: application/json\r\n\r\n",
                      arguments[3], arguments[1], arguments[4]);
  if (size >= (int)sizeof request || SSL_write(watch, request, size) != size) fail("cannot ask", number);
  int got = SSL_read(watch, answer, sizeof answer);
  if (got < 12 || memcmp(answer + 9, "200", 3)) fail("refused", number);
  fcntl(descriptor, F_SETFL, O_NONBLOCK);
}

/* Reads all that is there; whether there was something. */
static int drain(int number) {
  char buffer[16384];
  int any = 0, got;
  while ((got = SSL_read(watches[number], buffer, sizeof buffer)) > 0) any = 1;
  if (SSL_get_error(watches[number], got) != SSL_ERROR_WANT_READ) fail("the watch ended", number);
  return any;
}

/* Waits until so many watchers saw something, or until there is silence where none is expected; the time of the last of them. */
static double collect(int poller, int expected, double limit) {
  struct epoll_event events[256];
  double last = now(), end = last + limit;
  for (int count = 0; expected == 0 || count < expected;) {
    double left = end - now();
    int ready = left > 0 ? epoll_wait(poller, events, 256, (int)left + 1) : 0;
    if (ready == 0) {
      if (expected) fail("a change was not seen in time", count);
      return last;
    }
    for (int index = 0; index < ready; index++) {
      int number = events[index].data.fd;
      if (!drain(number)) continue;
      last = now();
      if (expected == 0) end = last + limit;
      if (!seen[number]) count++;
      seen[number] = 1;
    }
  }
  return last;
}

int main(int count, char **arguments) {
  if (count != 7) return 2;
  int watchers = atoi(arguments[5]), changes = atoi(arguments[6]);
  if (watchers < 1 || watchers > MAXIMUM_WATCHERS) return 2;
  /* What is measured is the server's time, on a certificate that the caller knows to be its own server's. */
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  int poller = epoll_create1(0);
  for (int number = 0; number < watchers; number++) {
    begin(context, arguments, number);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = number};
    epoll_ctl(poller, EPOLL_CTL_ADD, SSL_get_fd(watches[number]), &event);
    drain(number);
  }
  collect(poller, 0, SILENCE_MILLISECONDS);
  puts("ready");
  fflush(stdout);
  for (char line[16]; changes-- > 0 && fgets(line, sizeof line, stdin);) {
    double start = now();
    memset(seen, 0, sizeof seen);
    printf("%.3f\n", collect(poller, watchers, LIMIT_MILLISECONDS) - start);
    fflush(stdout);
  }
  return 0;
}
