import Compose
import Glibc

/// The files of this machine, as the user may read them.
struct ProjectFiles: ComposeReader {
  static let standardInput = "-"
  /// O_PATH of open(2), which Glibc's module hides.
  private static let placeOnly: Int32 = 0o10000000

  func read(
    _ path: String, beneath root: String?, maximumBytes: Int
  ) throws(ComposeReadFailure) -> [UInt8] {
    if path == Self.standardInput { return try Self.bytes(of: STDIN_FILENO, maximumBytes: maximumBytes) }
    let place = Glibc.open(path, Self.placeOnly | O_CLOEXEC)
    guard place >= 0 else { throw Self.failure(errno) }
    defer { close(place) }
    // What was opened is what is judged: its own name, after all links, and then it alone is read.
    let link = "/proc/self/fd/\(place)"
    if let root {
      guard let folder = realpath(root, nil) else { throw Self.failure(errno) }
      defer { free(folder) }
      guard let target = Self.target(of: link), Self.lies(target, beneath: String(cString: folder)) else {
        throw .escapes
      }
    }
    var status = stat()
    guard fstat(place, &status) == 0 else { throw Self.failure(errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable("it is not a regular file") }
    let file = Glibc.open(link, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard file >= 0 else { throw Self.failure(errno) }
    defer { close(file) }
    return try Self.bytes(of: file, maximumBytes: maximumBytes)
  }

  private static func lies(_ path: String, beneath root: String) -> Bool {
    path.hasPrefix(root == "/" ? "/" : root + "/")
  }

  private static func target(of link: String) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let count = readlink(link, &buffer, buffer.count)
    guard count > 0, count < buffer.count else { return nil }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func bytes(of descriptor: Int32, maximumBytes: Int) throws(ComposeReadFailure) -> [UInt8] {
    var bytes: [UInt8] = []
    do throws(ClientError) {
      while bytes.count <= maximumBytes {
        let piece = try readPiece(descriptor, upTo: 65_536)
        if piece.isEmpty { return bytes }
        bytes += piece
      }
    } catch {
      throw .unreadable(error.message)
    }
    throw .tooLarge
  }

  private static func failure(_ code: Int32) -> ComposeReadFailure {
    code == ENOENT || code == ENOTDIR ? .notFound : .unreadable(describe(errno: code))
  }
}
