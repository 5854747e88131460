import Glibc

/// A program that is asked one thing: its input is written, its output read, its end waited for.
enum ChildProcess {
  private static let maximumOutputBytes = 1 << 20

  /// - Parameters:
  ///   - arguments: the program, looked up in PATH, and its arguments.
  ///   - deadline: when one that still writes is killed, which is an error; nil: it has all time.
  ///   - isQuiet: whether what it complains of is dropped.
  /// - Returns: what it wrote, and the code that it ended with.
  static func run(
    _ arguments: [String], input: [UInt8], until deadline: Deadline? = nil, isQuiet: Bool = false
  ) throws(ClientError) -> (output: [UInt8], exitCode: Int32) {
    let toChild = try openPipe()
    let fromChild = try openPipe()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, toChild[0], STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, fromChild[1], STDOUT_FILENO)
    if isQuiet { posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) }
    defer { posix_spawn_file_actions_destroy(&actions) }
    let words = arguments.map { strdup($0) } + [nil]
    defer { words.forEach { free($0) } }
    var child: pid_t = 0
    let code = posix_spawnp(&child, arguments[0], &actions, nil, words, environ)
    close(toChild[0])
    close(fromChild[1])
    defer { close(fromChild[0]) }
    guard code == 0 else {
      close(toChild[1])
      throw failure(arguments, code)
    }
    // What is written is short enough for the pipe, so that writing never waits for a child that writes itself. One that
    // answers without reading, and is gone by now, is no reason to be killed.
    let handler = signal(SIGPIPE, SIG_IGN)
    let written: Void? = try? writeAll(toChild[1], input[...])
    _ = signal(SIGPIPE, handler)
    close(toChild[1])
    var output: [UInt8] = []
    var reading: ClientError?
    do throws(ClientError) {
      while output.count <= maximumOutputBytes {
        if let deadline, !deadline.allowsReading(fromChild[0]) {
          kill(child, SIGKILL)
          throw ClientError("'\(arguments[0])' did not end in time")
        }
        let piece = try readPiece(fromChild[0], upTo: 4_096)
        if piece.isEmpty { break }
        output += piece
      }
    } catch {
      reading = error
    }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    if let reading { throw reading }
    guard written != nil || !output.isEmpty else { throw failure(arguments, EPIPE) }
    return (output, status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F)
  }

  /// Both ends are closed in a child, but for those that it is given. On failure the program ends soon: nothing is closed here.
  private static func openPipe() throws(ClientError) -> [Int32] {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw ClientError("cannot make a pipe: \(describe(errno: errno))") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return ends
  }

  private static func failure(_ arguments: [String], _ code: Int32) -> ClientError {
    ClientError("cannot run '\(arguments[0])': \(describe(errno: code))")
  }
}
