import Glibc

/// Files that are written whole or not at all.
enum WholeFile {
  /// Writes a file anew beside the old one and puts it in its place, durably.
  static func write(_ path: String, _ bytes: [UInt8], mode: mode_t) throws(ClientError) {
    try write(path, mode: mode) { file throws(ClientError) in try writeAll(file, bytes[...]) }
  }

  /// The same with what `body` writes to the descriptor.
  static func write(
    _ path: String, mode: mode_t, _ body: (Int32) throws(ClientError) -> Void
  ) throws(ClientError) {
    let fresh = "\(path).\(getpid()).new"
    let file = Glibc.open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
    guard file >= 0 else { throw ClientError("cannot write '\(fresh)': \(describe(errno: errno))") }
    do throws(ClientError) {
      defer { close(file) }
      try body(file)
      // The mode as it was asked for, whatever the umask.
      guard fchmod(file, mode) == 0, fsync(file) == 0 else {
        throw ClientError("cannot write '\(fresh)': \(describe(errno: errno))")
      }
    } catch {
      unlink(fresh)
      throw error
    }
    guard rename(fresh, path) == 0 else {
      let code = errno
      unlink(fresh)
      throw ClientError("cannot write '\(path)': \(describe(errno: code))")
    }
    let folder = Glibc.open(self.folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return }
    fsync(folder)
    close(folder)
  }

  /// The file's bytes, at most `limit`; nil where it is not there.
  static func read(_ path: String, limit: Int) throws(ClientError) -> [UInt8]? {
    let file = Glibc.open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard file >= 0 else {
      guard errno == ENOENT || errno == ENOTDIR else {
        throw ClientError("cannot read '\(path)': \(describe(errno: errno))")
      }
      return nil
    }
    defer { close(file) }
    return try read(file, named: path, limit: limit)
  }

  /// What a descriptor holds to its end.
  static func read(_ descriptor: Int32, named name: String, limit: Int) throws(ClientError) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let piece = try readPiece(descriptor, upTo: 65_536)
      if piece.isEmpty { return bytes }
      bytes += piece
      guard bytes.count <= limit else { throw ClientError("'\(name)' has more than \(limit) bytes") }
    }
  }

  /// Makes a folder and those above it, for everybody to look into.
  static func makeFolders(_ path: String) throws(ClientError) {
    var made = ""
    for part in path.split(separator: "/") {
      made += "/" + part
      if mkdir(made, 0o755) == 0 {
        chmod(made, 0o755)
      } else if errno != EEXIST {
        throw ClientError("cannot make '\(made)': \(describe(errno: errno))")
      }
    }
  }

  static func folder(of path: String) -> String {
    let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    return folder.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : folder
  }
}
