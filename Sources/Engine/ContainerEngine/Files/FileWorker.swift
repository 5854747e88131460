import FoundationEssentials
import Glibc
import Layers
import LinuxSystem
import Model

/// Reads and writes a container's files in a process of its own, which is the container's root and not the host's: what a
/// bind mount shows of the host opens to it as far as it opens to the container, and no further.
///
/// A process and no thread, as a user namespace is entered by a whole process only (setns(2)); the engine's program starts
/// itself once more for it. The archive is read there, too, where a mistake in its reader does the least harm.
public enum FileWorker {
  /// The argument that makes the engine's program a worker.
  public static let command = "container-files"

  /// What is to be done; the rest comes by descriptors.
  struct Request: Codable {
    enum Operation: String, Codable { case stat, read, write }

    var operation: Operation
    /// Below the container's root.
    var path: String
    /// The container has the host's ids, and its root the host's rights.
    var hasHostIDs: Bool
    /// With `stat`: it has to be readable, too.
    var isToBeRead = false
    /// Refuse to write, as the container's own file system is read-only there.
    var isReadOnly = false
    var keepKind = false
    var copyOwners = false
  }

  /// How it ended.
  struct Reply: Codable {
    struct Failure: Codable {
      var code: String
      var message: String
      /// For the log.
      var detail: String
    }

    var stat: PathStat?
    var failure: Failure?
  }

  /// The descriptors a worker is started with.
  enum Channel {
    static let archiveIn: Int32 = 0
    static let archiveOut: Int32 = 1
    static let request: Int32 = 3
    static let reply: Int32 = 4
    static let root: Int32 = 5
    static let userNamespace: Int32 = 6
  }

  static let messageBytes = 256 << 10

  /// Does what it was started for; returns the exit code. To be called before the program has a second thread.
  public static func run() -> Int32 {
    do {
      let request = try JSONDecoder().decode(
        Request.self, from: Data(try Descriptor(owning: Channel.request).readAll(maxBytes: messageBytes)))
      if !request.hasHostIDs { try UserNamespace.becomeRoot(of: Descriptor(owning: Channel.userNamespace)) }
      let reply = answer(request, root: RootedDirectory(Descriptor(owning: Channel.root)))
      try Descriptor(owning: Channel.reply).write(all: Array(JSONEncoder().encode(reply)))
      return 0
    } catch {
      return 1
    }
  }

  private static func answer(_ request: Request, root: RootedDirectory) -> Reply {
    do {
      return Reply(stat: try perform(request, root: root))
    } catch {
      let known = error as? PlatformError
      return Reply(
        failure: Reply.Failure(
          code: (known?.code ?? .internal).rawValue, message: known?.message ?? "cannot work on the container's files",
          detail: "\(error)"))
    }
  }

  private static func perform(_ request: Request, root: RootedDirectory) throws -> PathStat? {
    // Inside the namespace the container's ids are what they are in the container.
    let ids = request.hasHostIDs ? IDRange.host : IDRange(first: 0)
    switch request.operation {
    case .stat:
      let stat = try Engine.stat(request.path, in: root)
      if request.isToBeRead { try Engine.checkReadable(request.path, in: root) }
      return stat
    case .read:
      try TarExporter.export(
        root, path: request.path, prefix: Engine.archiveName(request.path), ids: ids,
        to: Descriptor(owning: Channel.archiveOut))
    case .write:
      try Engine.checkExtractionPoint(request.path, in: root)
      guard !request.isReadOnly else { throw PlatformError(.forbidden, "container rootfs is marked read-only") }
      try TarExtractor.extract(
        from: Descriptor(owning: Channel.archiveIn), into: root, path: request.path,
        options: TarExtractor.Options(
          ids: ids, keepKind: request.keepKind, copyOwners: request.copyOwners, makesDevices: request.hasHostIDs,
          limits: .standard))
    }
    return nil
  }
}

extension FileWorker {
  /// Starts a worker, waits for its end and returns what it says. Blocks.
  ///
  /// It inherits the namespaces of the calling thread.
  /// - Parameters:
  ///   - userNamespace: the one whose root it becomes; nil for a container with the host's ids.
  ///   - archive: what it reads when it writes files, and writes when it reads them.
  static func call(
    _ request: Request, program: String, root: Descriptor, userNamespace: Descriptor?, archive: Descriptor? = nil
  ) throws -> PathStat? {
    let question = try MemoryFile.make(Array(JSONEncoder().encode(request)))
    let answer = try MemoryFile.make([])
    var descriptors = [
      DescriptorMapping(child: Channel.request, source: question.raw),
      DescriptorMapping(child: Channel.reply, source: answer.raw),
      DescriptorMapping(child: Channel.root, source: root.raw),
      // What goes wrong before it can answer is said in the engine's own log.
      DescriptorMapping(child: STDERR_FILENO, source: STDERR_FILENO),
    ]
    if let userNamespace {
      descriptors.append(DescriptorMapping(child: Channel.userNamespace, source: userNamespace.raw))
    }
    if let archive {
      let channel = request.operation == .write ? Channel.archiveIn : Channel.archiveOut
      descriptors.append(DescriptorMapping(child: channel, source: archive.raw))
    }
    let process = try LinuxProcessSpawner().spawn(
      ProcessRequest(
        executable: program, arguments: ["bulkheadd", command], workingDirectory: "/", descriptors: descriptors))
    withExtendedLifetime((question, root, userNamespace, archive)) {}
    let status = try process.waitExit()
    return try outcome(status, try answer.reopen(flags: O_RDONLY).readAll(maxBytes: messageBytes))
  }

  /// What an ended worker has said. It has read bytes of the container's: nothing of it is believed but its words.
  private static func outcome(_ status: ExitStatus, _ bytes: [UInt8]) throws -> PathStat? {
    guard status.isSuccess, let reply = try? JSONDecoder().decode(Reply.self, from: Data(bytes)) else {
      throw PlatformError(
        .internal, "cannot work on the container's files", context: ["worker": "ended with \(status.code)"])
    }
    guard let failure = reply.failure else { return reply.stat }
    throw PlatformError(
      PlatformError.Code(rawValue: failure.code) ?? .internal, failure.message, context: ["worker": failure.detail])
  }
}
