import ContentStore
import Glibc
import LinuxSystem
import Model

/// What a client is told when a tree in a container cannot be read or written.
package enum TreeErrors {
  private static let shownBytes = 1024

  package static func opening(_ path: String, _ error: SystemError) -> PlatformError {
    let shown = path.prefix(shownBytes)
    switch error.errno {
    case ENOENT, ENOTDIR:
      return PlatformError(.notFound, "Could not find the file \(shown) in container", cause: error)
    case ELOOP, EXDEV:
      return PlatformError(.invalidArgument, "'\(shown)' leads out of the container or in a circle", cause: error)
    case ENAMETOOLONG, EINVAL:
      return PlatformError(
        .invalidArgument, "invalid path '\(shown)': \(SystemError.message(for: error.errno))", cause: error)
    case EACCES, EPERM: return refused("open '\(shown)'", error)
    default: return platformError("open '\(shown)' in the container", error)
    }
  }

  package static func reading(_ path: String, _ error: SystemError) -> PlatformError {
    switch error.errno {
    case EPIPE, ECONNRESET:
      return PlatformError(.cancelled, "the reader of the archive went away", cause: error)
    case ESTALE:
      return PlatformError(
        .conflict, "'\(path.prefix(shownBytes))' was changed while it was read: try again", cause: error)
    case EACCES, EPERM: return refused("read '\(path.prefix(shownBytes))' or something below it", error)
    default: return platformError("read '\(path.prefix(shownBytes))'", error)
    }
  }

  package static func writing(_ entry: TarEntry, _ error: SystemError) -> PlatformError {
    let name = TarEntry.printable(entry.name)
    let reason = SystemError.message(for: error.errno)
    switch error.errno {
    case ENOENT where entry.kind == .hardLink:
      let target = TarEntry.printable(entry.linkName)
      return PlatformError(
        .invalidArgument, "the hard link '\(name)' in the archive leads to '\(target)', which is not there",
        cause: error)
    case EROFS: return PlatformError(.forbidden, "cannot write '\(name)': \(reason)", cause: error)
    case EBUSY, ESTALE, ENOTEMPTY: return PlatformError(.conflict, "cannot replace '\(name)': \(reason)", cause: error)
    // A file system that was mounted inside the container's user namespace has no number for the host's root.
    case EOVERFLOW:
      return PlatformError(
        .invalidArgument, "cannot write '\(name)': it lies on a file system that only the container can write to",
        cause: error)
    case ENOTDIR, EEXIST, EISDIR, ELOOP, ENAMETOOLONG, EXDEV, EINVAL, ENOENT, EMLINK:
      return PlatformError(.invalidArgument, "cannot write '\(name)': \(reason)", cause: error)
    case EACCES, EPERM: return refused("write '\(name)'", error)
    default: return platformError("write '\(name)'", error)
    }
  }

  /// The container's root has no right to it, as with what a bind mount shows of the host's.
  private static func refused(_ action: String, _ error: SystemError) -> PlatformError {
    PlatformError(.forbidden, "the container may not \(action): permission denied", cause: error)
  }
}
