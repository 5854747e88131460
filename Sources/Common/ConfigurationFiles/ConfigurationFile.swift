import Glibc
import LinuxSystem
import Model

/// A file by which root decides what a role of the daemon does.
public struct ConfigurationFile: Sendable {
  /// What it is called in complaints: `policy`, `configuration`.
  public let title: String
  public let standardPath: String

  public init(title: String, standardPath: String) {
    self.title = title
    self.standardPath = standardPath
  }

  /// Reads the file; nil where it is not named and not at its standard path.
  ///
  /// Whoever can write the file or rename a folder above it decides what it says, so every folder on the way
  /// and the file itself must belong to `owner` or root and be closed to writing by others (folders with the sticky bit
  /// are as good), and none may be a symbolic link. Throws `forbidden` where that is not so, `invalidArgument` for a
  /// mistake in the text, `internal` where it cannot be read. Blocks.
  /// - Parameter path: nil for the standard one; a file that is named has to be there (`notFound`), as its rules are meant.
  public func read(path named: String?, owner: UInt32 = 0) throws -> ConfigurationReader? {
    let path = named ?? standardPath
    guard path.hasPrefix("/") else {
      throw PlatformError(.invalidArgument, "the \(title)'s path '\(path)' is not absolute")
    }
    do {
      guard let file = try open(path: path, owner: owner) else {
        if named == nil { return nil }
        throw PlatformError(
          .notFound, "the \(title) file \(path) is not there: make it, or leave --config out for the defaults")
      }
      return try ConfigurationReader(try file.readAll(maxBytes: YAMLGuard.maximumBytes + 1), name: path)
    } catch let error as SystemError {
      throw PlatformError(.internal, "failed to read the \(title) file \(path): \(error)", cause: error)
    }
  }

  private func open(path: String, owner: UInt32) throws -> Descriptor? {
    let parts = path.split(separator: "/").map(String.init)
    var folder = try Descriptor.open("/", flags: O_PATH | O_DIRECTORY)
    var walked = ""
    for (index, part) in parts.enumerated() {
      try require(folder, named: walked.isEmpty ? "/" : walked, owner: owner)
      walked += "/" + part
      let isLast = index == parts.count - 1
      let flags = isLast ? O_RDONLY | O_NONBLOCK | O_CLOEXEC : O_PATH | O_DIRECTORY | O_CLOEXEC
      let raw = openat(folder.raw, part, flags | O_NOFOLLOW)
      if raw < 0 {
        let code = errno
        if code == ENOENT { return nil }
        if code == ELOOP || code == ENOTDIR {
          throw PlatformError(
            .forbidden, "the \(title) file \(path) is not used: \(walked) is a symbolic link or not a folder")
        }
        throw SystemError(errno: code, operation: "open", subject: walked)
      }
      folder = Descriptor(owning: raw)
    }
    try require(folder, named: path, owner: owner)
    guard try folder.status().type == .regular else {
      throw PlatformError(.forbidden, "the \(title) file \(path) is not used: it is not a regular file")
    }
    return folder
  }

  private func require(_ descriptor: Descriptor, named name: String, owner: UInt32) throws {
    let status = try descriptor.status()
    guard status.uid == 0 || status.uid == owner else {
      throw PlatformError(
        .forbidden, "the \(title) is not used: \(name) belongs to user \(status.uid); make it belong to root")
    }
    let sticky = status.type == .directory && status.mode & 0o1000 != 0
    guard status.mode & 0o022 == 0 || sticky else {
      throw PlatformError(
        .forbidden, "the \(title) is not used: \(name) can be written by others; run 'chmod go-w \(name)'")
    }
  }
}
