import Builder
import ContentStore
import Glibc
import LinuxSystem
import Model

/// Fetches one commit by Debian's git, which believes a stranger's server and so gets nothing of this machine: a user id that nobody
/// else has, no capabilities and no way to new ones, no configuration, hooks, filters or credentials, one host by the
/// address that was checked, and bounds on processes, memory, bytes and time.
///
/// Nothing is checked out: the files come as an archive, so that neither links nor attributes do anything here.
struct GitFetch: Sendable {
  private static let program = "/usr/bin/git"
  /// Ids that neither accounts nor containers have.
  private static let users: ClosedRange<UInt32> = 4_280_000_000...4_290_000_000
  private static let fileBytes: Int64 = 8 << 30
  private static let folderBytes: Int64 = 16 << 30
  private static let fetchSeconds = 900.0
  private static let archiveSeconds = 600.0
  private static let commandSeconds = 30.0

  private let executor: BlockingExecutor
  private let folder: RootedDirectory
  private let path: String
  private let user: UInt32
  private let url: String
  /// Options that hold for every call.
  private let options: [String]
  private let isOver = Flag()
  private let sizeOf: @Sendable (String) throws -> Int64

  /// - Parameters:
  ///   - folder: empty; the repository comes into it.
  ///   - host: the only one that is connected to, and its address.
  init(
    executor: BlockingExecutor, folder: String, host: (url: String, host: String, port: Int, address: String),
    sizeOf: @escaping @Sendable (String) throws -> Int64
  ) throws {
    guard access(Self.program, X_OK) == 0 else {
      throw PlatformError(
        .unavailable, "git is not installed on the engine's host: 'apt-get install git' makes repositories available")
    }
    self.executor = executor
    self.sizeOf = sizeOf
    path = folder
    self.folder = try RootedDirectory(path: folder)
    user = UInt32.random(in: Self.users)
    let address = host.address.contains(":") ? "[\(host.address)]" : host.address
    url = host.url
    // An address in the place of a name is looked up by nobody.
    let pin = host.host.contains(":") ? [] : ["http.curloptResolve=\(host.host):\(host.port):\(address)"]
    let settings = [
      "protocol.allow=never", "protocol.https.allow=always", "protocol.http.allow=always",
      "http.followRedirects=false", "http.proxy=",
      "http.lowSpeedLimit=1000", "http.lowSpeedTime=60", "credential.helper=", "core.hooksPath=/dev/null",
      "core.fsmonitor=false", "core.attributesFile=/dev/null", "core.excludesFile=/dev/null", "gc.auto=0",
      "maintenance.auto=false", "fetch.recurseSubmodules=false", "submodule.recurse=false", "fetch.unpackLimit=1",
      "transfer.bundleURI=false", "pack.threads=1", "tar.umask=0022", "safe.directory=*", "init.defaultBranch=main",
    ]
    options = (settings + pin).flatMap { ["-c", $0] }
  }

  /// Fetches, and ends everything that was started for it.
  func run(_ address: GitAddress) async throws -> GitCommit {
    try prepare()
    let watch = Task { await self.watch() }
    defer {
      watch.cancel()
      endAll()
    }
    try await git(["init", "--quiet", "--template="], "make a repository", seconds: Self.commandSeconds)
    try await fetch(address)
    let text = try await git(
      ["rev-parse", "--verify", "--quiet", "--end-of-options", "FETCH_HEAD^{commit}"], "find '\(address.reference)'",
      seconds: Self.commandSeconds)
    let id = String(decoding: text.prefix { $0 != 10 }, as: UTF8.self)
    guard [40, 64].contains(id.utf8.count), id.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
    else {
      throw PlatformError(.invalidArgument, "'\(address.reference)' of the repository is no commit")
    }
    guard !address.isCommit || id == address.reference else {
      throw PlatformError(.invalidArgument, "the repository sent commit \(id) in place of \(address.reference)")
    }
    let archive = path + "/archive.tar"
    let file = try translatingSystemErrors("make a file for what is fetched") {
      try Descriptor.open(archive, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    }
    try await git(
      ["archive", "--format=tar", id], "read commit \(id)", output: file, seconds: Self.archiveSeconds)
    try await git(["update-ref", "--no-deref", "HEAD", id], "note commit \(id)", seconds: Self.commandSeconds)
    try await git(["read-tree", id], "note the files of commit \(id)", seconds: Self.archiveSeconds)
    return GitCommit(id: id, archive: archive, directory: path + "/work/.git")
  }

  /// A server need not give out commits by their ids; then all branches and tags are fetched.
  private func fetch(_ address: GitAddress) async throws {
    let quiet = ["fetch", "--quiet", "--no-tags", "--no-auto-maintenance", "--no-write-commit-graph"]
    let action = "fetch '\(address.repository.prefix(1_000))'"
    do {
      try await git(
        quiet + ["--depth=1", "--end-of-options", url, address.reference], action,
        seconds: Self.fetchSeconds)
    } catch let error as PlatformError where address.isCommit && error.code == .invalidArgument && !isOver.isSet {
      try await git(
        quiet + ["--end-of-options", url, "+refs/heads/*:refs/all/*", "+refs/tags/*:refs/tags/*"],
        action,
        seconds: Self.fetchSeconds)
      try await git(
        ["fetch", "--quiet", "--no-tags", "--end-of-options", ".", address.reference], action, local: true,
        seconds: Self.commandSeconds)
    }
  }

  /// The repository's folder belongs to the fetch's user; what decides over attributes is there before anything runs.
  private func prepare() throws {
    try translatingSystemErrors("make a folder for a repository") {
      for name in ["work", "work/.git", "work/.git/info", "home"] {
        // As git makes it where it is kept; the folder above cannot be listed.
        try folder.makeDirectory(name, mode: name == "work/.git" ? 0o755 : 0o700)
      }
      // Attributes of the repository leave files out of archives, which a checkout would have.
      let attributes = try folder.createFile("work/.git/info/attributes", mode: 0o644)
      try attributes.write(all: Array("* -export-ignore -export-subst\n".utf8))
      for name in ["work/.git/info", "work/.git", "work", "home"] {
        try FileOwnership.set("\(path)/\(name)", user: user, group: user)
      }
    }
  }

  /// Runs git to its end and returns what it said.
  @discardableResult
  private func git(
    _ arguments: [String], _ action: String, output: Descriptor? = nil, local: Bool = false, seconds: Double
  ) async throws -> [UInt8] {
    let allowed = local ? ["-c", "protocol.file.allow=always"] : []
    var request = ProcessRequest(
      executable: "/usr/bin/setpriv",
      arguments: Self.rights(user) + [
        "/usr/bin/prlimit", "--core=0", "--nproc=64", "--nofile=1024", "--as=\(8 << 30 as Int64)",
        "--fsize=\(Self.fileBytes)", Self.program,
      ] + options + allowed + arguments, environment: environment, workingDirectory: path + "/work", newSession: true)
    if let output { request.descriptors.append(DescriptorMapping(child: STDOUT_FILENO, source: output.raw)) }
    let prepared = request
    let result = try await withTaskCancellationHandler {
      try await executor.run {
        try LinuxProcessSpawner().run(prepared, maxOutputBytes: 64 << 10, deadlineSeconds: seconds)
      }
    } onCancel: {
      endAll()
    }
    withExtendedLifetime(output) {}
    try Task.checkCancellation()
    if isOver.isSet {
      throw PlatformError(.resourceExhausted, "failed to \(action): it takes more than \(Self.folderBytes) bytes")
    }
    if result.isTimedOut {
      throw PlatformError(.resourceExhausted, "failed to \(action): git took more than \(Int(seconds)) s")
    }
    guard result.status.isSuccess else {
      throw PlatformError(.invalidArgument, "failed to \(action): \(Self.reason(result))")
    }
    return result.stdout
  }

  private var environment: [String] {
    [
      "PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=\(path)/home", "XDG_CONFIG_HOME=\(path)/home", "GIT_CONFIG_NOSYSTEM=1",
      "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false",
      "GIT_OPTIONAL_LOCKS=0", "GIT_DIR=\(path)/work/.git", "GIT_WORK_TREE=\(path)/work",
    ]
  }

  /// setpriv(1): another user without groups, capabilities or a way to get any; it ends with the engine.
  private static func rights(_ user: UInt32) -> [String] {
    [
      "setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups", "--no-new-privs", "--inh-caps=-all",
      "--ambient-caps=-all", "--bounding-set=-all", "--pdeathsig=KILL",
    ]
  }

  /// What git said last, printable.
  private static func reason(_ result: ProcessOutput) -> String {
    let lines = String(decoding: result.stderr.suffix(4_000), as: UTF8.self).split(separator: "\n")
    let line = lines.last { $0.hasPrefix("fatal:") || $0.hasPrefix("error:") } ?? lines.last ?? ""
    let text = String(String.UnicodeScalarView(line.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }))
    return text.isEmpty ? "git ended with \(result.status.code)" : String(text.prefix(500))
  }

  /// Ends every process of the fetch's user, whatever it has started.
  private func endAll() {
    _ = try? LinuxProcessSpawner().run(
      ProcessRequest(
        executable: "/usr/bin/setpriv", arguments: Self.rights(user) + ["/bin/kill", "-KILL", "--", "-1"],
        environment: ["PATH=/usr/bin:/bin"]), deadlineSeconds: 10)
  }

  /// One file is bounded by the kernel; all together by this, once a second.
  private func watch() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: .seconds(1))
      let bytes = try? await executor.run { [path, sizeOf] in try sizeOf(path) }
      if let bytes, bytes > Self.folderBytes {
        isOver.set()
        return endAll()
      }
    }
  }

  private final class Flag: Sendable {
    private let value = Locked(false)
    var isSet: Bool { value.withLock { $0 } }
    func set() { value.withLock { $0 = true } }
  }
}
