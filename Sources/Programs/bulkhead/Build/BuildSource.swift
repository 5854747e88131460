import Dockerfile
import Glibc
import Model

/// Where a build's files and its Dockerfile come from.
struct BuildSource {
  let context: String
  let file: String?
  /// Credentials for base images and caches.
  let fields: [(String, String)]
  var agents: AgentForwarder?
  var contexts: [NamedContext] = []

  func start(
    _ engine: Engine, query: [(String, String?)], secrets: [(id: String, value: [UInt8])]
  ) throws(ClientError) -> Engine.Response {
    if context == "-" { return try startFromInput(engine, query: query, secrets: secrets) }
    if Self.isRemote(context) {
      try requireFolder(secrets)
      return try engine.open(
        .post, "/build", query: query + [("remote", context), ("dockerfile", file)], fields: fields)
    }
    let directory = open(context, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else {
      throw ClientError("cannot use '\(context)' as build context: \(describe(errno: errno))")
    }
    defer { close(directory) }
    let (name, dockerfile) = try readDockerfile()
    return try engine.build(
      try Self.read(directory, at: context, matcher: try ignored(directory)), query: query,
      body: BuildBody(
        dockerfileName: name, dockerfile: dockerfile, secrets: secrets, agents: agents, contexts: contexts),
      fields: fields)
  }

  /// A folder's files without what is to be ignored.
  static func read(
    _ directory: Int32, at path: String, matcher: PatternMatcher
  ) throws(ClientError) -> ContextWalk {
    var walk = ContextWalk(
      directory, matcher: matcher, cache: DigestCache(context: absolute(path), environment: environmentVariable))
    try walk.read()
    return walk
  }

  /// Other contexts leave no place for them in the request.
  private func requireFolder(_ secrets: [(id: String, value: [UInt8])]) throws(ClientError) {
    guard secrets.isEmpty else { throw ClientError.usage("--secret needs a folder as context") }
    guard agents == nil else { throw ClientError.usage("--ssh needs a folder as context") }
    guard contexts.isEmpty else { throw ClientError.usage("--build-context needs a folder as context") }
  }

  private static func isRemote(_ context: String) -> Bool {
    ["http://", "https://", "git://", "github.com/", "git@", "ssh://"].contains { context.hasPrefix($0) }
  }

  private static func absolute(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  private func readDockerfile() throws(ClientError) -> (String, [UInt8]) {
    if file == "-" {
      return ("Dockerfile", try Self.read(STDIN_FILENO, limit: DockerfileLimits.fileBytes, named: "the Dockerfile"))
    }
    let path = file ?? (context.hasSuffix("/") ? context : context + "/") + "Dockerfile"
    let descriptor = try openFile(path)
    defer { close(descriptor) }
    let name = path.split(separator: "/").last.map(String.init) ?? "Dockerfile"
    return (name, try Self.read(descriptor, limit: DockerfileLimits.fileBytes, named: "'\(path)'"))
  }

  /// What the first of the ignore files excludes.
  private func ignored(_ directory: Int32) throws(ClientError) -> PatternMatcher {
    let dockerfile = file ?? (context.hasSuffix("/") ? context : context + "/") + "Dockerfile"
    let own = IgnoreFile.candidates(for: dockerfile)[0]
    let descriptor = file == "-" ? -1 : open(own, O_RDONLY | O_CLOEXEC)
    return descriptor < 0 ? try Self.ignored(in: directory) : try Self.patterns(of: descriptor, named: own)
  }

  /// What the folder's .dockerignore excludes.
  static func ignored(in directory: Int32) throws(ClientError) -> PatternMatcher {
    let name = ".dockerignore"
    return try patterns(of: openat(directory, name, O_RDONLY | O_CLOEXEC), named: name)
  }

  /// Closes the file; nothing is ignored where it was not there.
  private static func patterns(of descriptor: Int32, named name: String) throws(ClientError) -> PatternMatcher {
    var patterns: [String] = []
    do {
      if descriptor >= 0 {
        defer { close(descriptor) }
        let bytes = try Self.read(descriptor, limit: DockerfileLimits.ignoreFileBytes, named: "'\(name)'")
        patterns = try IgnoreFile.parse(bytes, file: name)
      }
      return try PatternMatcher(patterns, file: name)
    } catch let error as PlatformError {
      throw ClientError(error.message)
    } catch let error as ClientError {
      throw error
    } catch {
      throw ClientError("cannot read '\(name)'")
    }
  }

  /// An archive on standard input is the context; anything else is a Dockerfile that needs none.
  private func startFromInput(
    _ engine: Engine, query: [(String, String?)], secrets: [(id: String, value: [UInt8])]
  ) throws(ClientError) -> Engine.Response {
    let start = try Self.firstBlock()
    guard Self.looksLikeArchive(start) else {
      guard file == nil || file == "-" else {
        throw ClientError.usage("standard input is no archive, and --file names a Dockerfile in one")
      }
      let rest = try Self.read(STDIN_FILENO, limit: DockerfileLimits.fileBytes, named: "the Dockerfile")
      return try engine.build(
        ContextWalk.empty, query: query,
        body: BuildBody(
          dockerfileName: "Dockerfile", dockerfile: start + rest, secrets: secrets, agents: agents,
          contexts: contexts),
        fields: fields)
    }
    try requireFolder(secrets)
    return try engine.upload(
      .post, "/build", query: query + [("dockerfile", file)], startingWith: start, from: STDIN_FILENO,
      fields: fields)
  }

  private static func firstBlock() throws(ClientError) -> [UInt8] {
    var block: [UInt8] = []
    while block.count < 512 {
      let piece = try readPiece(STDIN_FILENO, upTo: 512 - block.count)
      if piece.isEmpty { break }
      block += piece
    }
    return block
  }

  /// ustar's mark, or the first bytes of gzip, bzip2, xz and zstd.
  private static func looksLikeArchive(_ start: [UInt8]) -> Bool {
    if start.count >= 262, start[257..<262].elementsEqual("ustar".utf8) { return true }
    let marks: [[UInt8]] = [
      [0x1F, 0x8B], Array("BZh".utf8), [0xFD, 0x37, 0x7A, 0x58, 0x5A], [0x28, 0xB5, 0x2F, 0xFD],
    ]
    return marks.contains { start.starts(with: $0) }
  }

  static func read(_ descriptor: Int32, limit: Int, named name: String) throws(ClientError) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let piece = try readPiece(descriptor, upTo: 1 << 16)
      if piece.isEmpty { return bytes }
      bytes += piece
      guard bytes.count <= limit else { throw ClientError("\(name) has more than \(limit) bytes") }
    }
  }
}
