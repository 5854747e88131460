import Dockerfile
import Glibc
import Model

/// What a Dockerfile finds under a name in `FROM`, `COPY --from` and `RUN --mount=from`: `--build-context NAME=WHERE`.
struct NamedContext {
  enum Origin {
    /// A folder of this machine, read.
    case folder(ContextWalk)
    /// An image by its name; the engine pulls it where it is not there.
    case image(String)
  }

  static let imagePrefix = "docker-image://"

  let name: String
  let origin: Origin
  private let folder: OpenFolder?

  /// Contents are read from it when the engine asks for them.
  private final class OpenFolder {
    let descriptor: Int32
    init(_ descriptor: Int32) { self.descriptor = descriptor }
    deinit { close(descriptor) }
  }

  /// Reads `NAME=FOLDER` or `NAME=docker-image://IMAGE`; of a folder everything but what its .dockerignore excludes.
  init(reading text: String) throws(ClientError) {
    guard let (name, place) = splitOnce(text, "="), !name.isEmpty, !place.isEmpty else {
      throw ClientError.usage("invalid --build-context '\(text)': write NAME=FOLDER or NAME=\(Self.imagePrefix)IMAGE")
    }
    self.name = name
    if place.hasPrefix(Self.imagePrefix) {
      origin = .image(String(place.dropFirst(Self.imagePrefix.count)))
      folder = nil
      return
    }
    guard !place.contains("://"), !place.hasPrefix("git@") else {
      throw ClientError.usage(
        "invalid --build-context '\(text)': only folders and \(Self.imagePrefix)IMAGE are named contexts: fetch it, and name "
          + "the folder")
    }
    let directory = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else {
      throw ClientError("cannot use '\(place)' as build context '\(name)': \(describe(errno: errno))")
    }
    folder = OpenFolder(directory)
    origin = .folder(try BuildSource.read(directory, at: place, matcher: try BuildSource.ignored(in: directory)))
  }
}
