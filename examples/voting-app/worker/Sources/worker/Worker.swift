import FoundationEssentials
import Glibc
import Synchronization

/// Brings votes from the queue into the database. Each vote is taken at least once and counts once.
@main
enum Worker {
  private static let retryMicroseconds: UInt32 = 500_000
  private static let isAsked = Atomic(false)
  /// Touched after each round; the health check looks at its age.
  private static let sign = "/tmp/alive"

  static func main() {
    // Nobody else handles signals for the first process of a container.
    for number in [SIGTERM, SIGINT] { signal(number) { _ in Worker.isAsked.store(true, ordering: .relaxed) } }
    while !isAsked.load(ordering: .relaxed) {
      do {
        try work()
      } catch {
        log("\(error); trying again")
        usleep(retryMicroseconds)
      }
    }
    log("ended as asked")
  }

  /// Works over one pair of connections until the end is asked for; throws when one of them breaks.
  private static func work() throws {
    let path = setting("DB_PASSWORD_FILE", "/run/secrets/db_password")
    guard let secret = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw Failure("no password in \(path): give the service the secret db_password")
    }
    let database = try Database(
      host: setting("DB_HOST", "db"), password: String(secret.prefix { $0 != "\n" && $0 != "\r" }))
    let queue = Queue(redis: try Redis(host: setting("REDIS_HOST", "redis")))
    let recovered = try queue.recover()
    log("connected" + (recovered > 0 ? "; \(recovered) votes of an earlier worker are back in the queue" : ""))
    while !isAsked.load(ordering: .relaxed) {
      let texts = try queue.take()
      let known = texts.map { ($0, Vote($0)) }
      let votes = known.compactMap(\.1)
      if votes.isEmpty { try database.check() } else { try database.write(votes) }
      for (text, vote) in known {
        if vote == nil {
          log("laid aside what is no vote (\(text.count) bytes)")
          try queue.refuse(text)
        } else {
          try queue.finish(text)
        }
      }
      try touch()
    }
  }

  private static func setting(_ name: String, _ usual: String) -> String {
    ProcessInfo.processInfo.environment[name] ?? usual
  }

  private static func touch() throws {
    let descriptor = open(sign, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Failure("cannot write \(sign): \(String(cString: strerror(errno)))") }
    futimens(descriptor, nil)
    close(descriptor)
  }

  private static func log(_ text: String) {
    let line = "worker: \(text)\n"
    _ = line.utf8CString.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count - 1) }
  }
}
