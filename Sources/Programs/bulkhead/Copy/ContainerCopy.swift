import Glibc
import LinuxSystem
import Model
import Tar

/// Copies files between this machine and containers, by archives: docker's cp.
struct ContainerCopy {
  let engine: Engine
  /// docker's `-a`: owners are kept here, and inside everything belongs to the container's root.
  var keepsOwners = false
  /// A link at the end of the source is followed.
  var followsLink = false

  /// Links at the end of a target that are followed.
  private static let maximumLinks = 20

  // MARK: Out of a container

  /// Standard output gets the archive.
  func copyOut(_ container: String, _ path: String) throws(ClientError) {
    let response = try engine.open(.get, archive(container), query: [("path", try followed(container, path))])
    while let piece = try response.body.next() { try writeAll(STDOUT_FILENO, piece[...]) }
  }

  func copyOut(_ container: String, _ path: String, to target: String) throws(ClientError) {
    guard let entry = try entry(container, path) else {
      throw ClientError("there is no '\(path)' in container \(container)")
    }
    let source = try followed(container, path)
    let isDirectory = source == path ? entry.isDirectory : try self.entry(container, source)?.isDirectory ?? false
    let place = try CopyPlace.decide(
      source: path, sourceName: CopyPlace.split(path).name, isDirectory: isDirectory, target: target,
      holds: Self.existing(target))
    let response = try engine.open(.get, archive(container), query: [("path", source)])
    try Self.told { try unpack(response.body, into: place) }
  }

  /// What a container sends is not trusted: nothing leaves the folder, no file is set-user-id or a device, and without
  /// `keepsOwners` everything belongs to who copies.
  private func unpack(_ body: BodyReader, into place: CopyPlace) throws {
    let reader = TarReader(BufferedSource(BodySource(body)))
    var options = TarExtractor.Options(ids: .host, keepKind: true, copyOwners: true)
    options.setsOwners = keepsOwners
    let extraction = TreeExtraction(
      root: try RootedDirectory(path: place.folder), base: "/", options: options, check: { _ in })
    let name = place.name.map { Array($0.utf8) }
    while var entry = try reader.nextEntry() {
      entry.name = CopyPlace.renamed(entry.name, to: name)
      if entry.kind == .hardLink { entry.linkName = CopyPlace.renamed(entry.linkName, to: name) }
      if !keepsOwners { entry.mode &= 0o1777 }
      try extraction.extract(entry, content: reader)
    }
    try reader.drain()
    try extraction.finish()
  }

  // MARK: Into a container

  /// The archive comes by standard input.
  func copyIn(to container: String, _ path: String) throws(ClientError) {
    guard try entry(container, path)?.isDirectory == true else {
      throw ClientError("'\(path)' is no directory of container \(container): an archive needs one")
    }
    _ = try engine.upload(.put, archive(container), query: query(path), from: STDIN_FILENO)
  }

  func copyIn(_ source: String, to container: String, _ target: String) throws(ClientError) {
    var path = source
    if followsLink || source.hasSuffix("/") {
      path = try Self.realPath(source) + (source.hasSuffix("/.") ? "/." : "")
    }
    var status = stat()
    guard lstat(path, &status) == 0 else { throw ClientError("cannot copy '\(source)': \(describe(errno: errno))") }
    let isDirectory = status.st_mode & S_IFMT == S_IFDIR
    let (resolved, existing) = try self.target(container, target)
    let whole = source == "." || source.hasSuffix("/.") ? try Self.realPath(source) : path
    let place = try CopyPlace.decide(
      source: source, sourceName: CopyPlace.split(whole == path ? source : whole).name, isDirectory: isDirectory,
      target: resolved, holds: existing)
    try send(whole, as: place.name ?? ".", to: container, place.folder)
  }

  /// Packs a file or folder on a thread of its own while it is sent.
  func send(_ path: String, as name: String, to container: String, _ folder: String) throws(ClientError) {
    let (parent, last) = CopyPlace.split(path)
    try sendArchive(to: container, folder) { output in
      let root = try RootedDirectory(path: parent)
      try TarExporter.export(root, path: path == "/" ? "." : last, prefix: name, ids: IDRange(first: 0), to: output)
    }
  }

  /// Sends single files, each to a whole path inside.
  func send(_ files: [(path: String, target: String)], to container: String) throws(ClientError) {
    try sendArchive(to: container, "/") { output in
      let archiver = TreeArchiver(ids: IDRange(first: 0), to: output)
      for (path, target) in files {
        guard let file = try Self.opened(path) else { continue }
        try archiver.add(file, try file.status(), name: Array(target.utf8.drop { $0 == UInt8(ascii: "/") }))
      }
      try archiver.finish()
    }
  }

  /// nil for what has gone meanwhile.
  private static func opened(_ path: String) throws -> Descriptor? {
    do {
      return try Descriptor.open(path, flags: O_PATH | O_NOFOLLOW)
    } catch let error as SystemError where [ENOENT, ENOTDIR].contains(error.errno) {
      return nil
    }
  }

  /// - Parameter write: fills the archive, on a thread of its own.
  func sendArchive(
    to container: String, _ folder: String, _ write: @escaping @Sendable (Descriptor) throws -> Void
  ) throws(ClientError) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw ClientError("cannot make a pipe: \(describe(errno: errno))") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let failure = Monitor<ClientError?>(nil)
    let output = ends[1]
    let writer: Threads.Handle
    do throws(ClientError) {
      writer = try Threads.start {
        // When the engine takes no more, that is an error here and not this program's end.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        do throws(ClientError) {
          try Self.told { try write(Descriptor(owning: output)) }
        } catch {
          failure.with { $0 = error }
        }
      }
    } catch {
      for end in ends { close(end) }
      throw error
    }
    let outcome = Result<Engine.Response, ClientError> { () throws(ClientError) in
      try engine.upload(.put, archive(container), query: query(folder), from: ends[0])
    }
    close(ends[0])
    Threads.join(writer)
    // What the engine refused is the reason why the rest could not be written.
    _ = try outcome.get()
    if let failure = failure.with({ $0 }) { throw failure }
  }

  private func query(_ folder: String) -> [(String, String?)] {
    [("path", folder), ("noOverwriteDirNonDir", "true"), ("copyUIDGID", keepsOwners ? "true" : nil)]
  }

  // MARK: What is there

  private struct Entry {
    let isDirectory: Bool
    let linkTarget: String
  }

  private func archive(_ container: String) -> String { "/containers/\(Engine.escape(container))/archive" }

  /// nil where there is nothing.
  private func entry(_ container: String, _ path: String) throws(ClientError) -> Entry? {
    let head: ResponseHead
    do throws(ClientError) {
      head = try engine.open(.head, archive(container), query: [("path", path)]).head
    } catch {
      // The answer to HEAD has no body that could tell a missing container from a missing file.
      guard error.status == 404 else { throw error }
      try engine.call(.get, "/containers/\(Engine.escape(container))/json")
      return nil
    }
    guard let bytes = head.fields["x-docker-container-path-stat"].flatMap(Base64.decode) else {
      throw ClientError("the engine did not tell what '\(path)' is")
    }
    let told = try Engine.decode(bytes)
    let mode = told["mode"].int ?? 0
    return Entry(isDirectory: mode & 1 << 31 != 0, linkTarget: mode & 1 << 27 != 0 ? told.text("linkTarget") : "")
  }

  private func followed(_ container: String, _ path: String) throws(ClientError) -> String {
    followsLink ? try target(container, path).path : path
  }

  /// A path with the links at its end followed, and what is there.
  private func target(_ container: String, _ path: String) throws(ClientError) -> (path: String, CopyTarget) {
    var path = path
    for _ in 0..<Self.maximumLinks {
      guard let entry = try entry(container, path) else { return (path, .missing) }
      guard !entry.linkTarget.isEmpty else { return (path, entry.isDirectory ? .directory : .file) }
      path =
        entry.linkTarget.hasPrefix("/") ? entry.linkTarget : CopyPlace.split(path).folder + "/" + entry.linkTarget
    }
    throw ClientError("'\(path)' in container \(container) is one of too many links")
  }

  private static func existing(_ path: String) -> CopyTarget {
    var status = stat()
    guard stat(path, &status) == 0 else { return .missing }
    return status.st_mode & S_IFMT == S_IFDIR ? .directory : .file
  }

  private static func realPath(_ path: String) throws(ClientError) -> String {
    guard let real = realpath(path, nil) else {
      throw ClientError("cannot copy '\(path)': \(describe(errno: errno))")
    }
    defer { free(real) }
    return String(cString: real)
  }

  /// Runs what reads and writes archives; its failures as the user is told them.
  static func told<Value>(_ work: () throws -> Value) throws(ClientError) -> Value {
    do {
      return try work()
    } catch let failure as ClientError {
      throw failure
    } catch let failure as PlatformError {
      throw ClientError(failure.message)
    } catch let failure as SystemError {
      throw ClientError("\(failure.subject): \(SystemError.message(for: failure.errno))")
    } catch {
      throw ClientError("\(error)")
    }
  }
}

/// The body of an answer as a stream of bytes.
private final class BodySource: ByteSource {
  private let body: BodyReader
  private var pending: ArraySlice<UInt8> = []

  init(_ body: BodyReader) { self.body = body }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while pending.isEmpty {
      guard let piece = try body.next() else { return 0 }
      pending = piece[...]
    }
    let count = min(buffer.count, pending.count)
    pending.prefix(count).withUnsafeBytes { buffer.copyMemory(from: $0) }
    pending = pending.dropFirst(count)
    return count
  }
}
