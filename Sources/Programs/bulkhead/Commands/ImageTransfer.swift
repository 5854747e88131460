import ArgumentParser
import Glibc

struct Bootstrap: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a base image from the distribution's own packages.",
    discussion: """
      'debian:bookworm' is built by mmdebstrap from the host's Debian mirror, 'busybox' from the busybox-static package.
      The same packages give the same digest. The image's id is printed at the end.
      """)
  @OptionGroup var connection: EngineOptions
  @Option(help: "Further packages, separated by commas; may be repeated.") var include: [String] = []
  @Option(name: .shortAndLong, help: "The image's name; what it is made from when not given.") var tag: String?
  @Flag(name: .shortAndLong, help: "No progress.") var quiet = false
  @Argument(help: "debian:bookworm or busybox.") var image: String

  func run() throws {
    let engine = try connection.engine()
    let packages = include.flatMap { $0.split(separator: ",") }.map(String.init)
    var wish: JSONValue = ["image": .string(image), "include": .strings(packages)]
    if let tag { wish["tag"] = .string(tag) }
    let response = try engine.open(.post, "/bulkhead/v1/images/bootstrap", json: wish)
    var id: String?
    var progress = ProgressLine(shown: !quiet)
    try engine.eachDocument(of: response) { document throws(ClientError) in
      if let message = document["error"].string { throw ClientError(message) }
      if let status = document["status"].string { progress.show(status) }
      id = document["id"].string ?? id
    }
    progress.finish()
    guard let id else { throw ClientError("the engine ended without naming an image: its log says why") }
    print(id)
  }
}

/// Progress on standard error: one line written over and over on a terminal, one line for each step elsewhere.
struct ProgressLine {
  private let shown: Bool
  private let terminal = Terminal.isTerminal(STDERR_FILENO)
  private var open = false

  init(shown: Bool) { self.shown = shown }

  mutating func show(_ text: String) {
    guard shown else { return }
    let line = String(text.filter { !$0.isNewline })
    let width = Terminal(descriptor: STDERR_FILENO).size?.columns ?? 80
    Console.writeError(terminal ? "\r\u{1B}[K" + line.prefix(max(width - 1, 20)) : line + "\n")
    open = terminal
  }

  mutating func finish() {
    if open { Console.writeError("\r\u{1B}[K") }
    open = false
  }
}

struct Tag: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Give an image a further name.")
  @OptionGroup var connection: EngineOptions
  @Argument(help: "Name or id.") var image: String
  @Argument(help: "The further name: repository[:tag].") var name: String

  func run() throws { try connection.engine().tag(image, as: name) }
}

extension Engine {
  func tag(_ image: String, as name: String) throws(ClientError) {
    let (repository, tag) = Self.repositoryAndTag(name)
    try call(.post, "/images/\(Self.escape(image))/tag", query: [("repo", repository), ("tag", tag)])
  }

  /// Splits `localhost:5000/name:tag`; a colon before a slash is a port.
  static func repositoryAndTag(_ name: String) -> (String, String?) {
    guard let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") else { return (name, nil) }
    return (String(name[..<colon]), String(name[name.index(after: colon)...]))
  }

  /// Shows the lines of a load or an import, and fails with the error among them.
  func showProgress(of response: Response, quiet: Bool) throws(ClientError) {
    try eachDocument(of: response) { document throws(ClientError) in
      if let message = document["error"].string { throw ClientError(message) }
      if let text = document["stream"].string { print(text, terminator: "") }
      if let status = document["status"].string, !quiet { print(status) }
    }
  }
}

struct Load: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Bring in images that 'save' wrote.")
  @OptionGroup var connection: EngineOptions
  @Option(name: .shortAndLong, help: "The archive; standard input when not named.") var input: String?
  @Flag(name: .shortAndLong, help: "No progress.") var quiet = false

  func run() throws {
    let source = try input.map { path throws(ClientError) in try openFile(path) } ?? STDIN_FILENO
    if Terminal.isTerminal(source) { throw ClientError("standard input is a terminal: name an archive with --input") }
    let engine = try connection.engine()
    let response = try engine.upload(.post, "/images/load", query: [("quiet", quiet ? "1" : "0")], from: source)
    try engine.showProgress(of: response, quiet: quiet)
  }
}

struct Save: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Write images to an archive.")
  @OptionGroup var connection: EngineOptions
  @Option(name: .shortAndLong, help: "The archive; standard output when not named.") var output: String?
  @Argument(help: "Names or ids.") var images: [String]

  func run() throws {
    if output == nil, Terminal.isTerminal(STDOUT_FILENO) {
      throw ClientError("standard output is a terminal: name an archive with --output")
    }
    let names = images.map { "names=\(Engine.escape($0))" }.joined(separator: "&")
    let response = try connection.engine().open(.get, "/images/get?\(names)")
    var target = STDOUT_FILENO
    if let output {
      target = Glibc.open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
      guard target >= 0 else { throw ClientError("cannot write '\(output)': \(describe(errno: errno))") }
    }
    while let piece = try response.body.next() { try writeAll(target, piece[...]) }
    if output != nil, close(target) != 0 { throw ClientError("cannot write the archive: \(describe(errno: errno))") }
  }
}

struct Import: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Make an image of a file system in a tar archive.")
  @OptionGroup var connection: EngineOptions
  @Option(name: .shortAndLong, help: "An instruction to apply, such as 'CMD [\"sh\"]'.") var change: [String] = []
  @Option(name: .shortAndLong, help: "A word about it.") var message: String?
  @Argument(help: "The archive, or - for standard input.") var archive: String
  @Argument(help: "The image's name.") var name: String?

  func run() throws {
    let source = archive == "-" ? STDIN_FILENO : try openFile(archive)
    let (repository, tag) = name.map(Engine.repositoryAndTag) ?? (nil, nil)
    let engine = try connection.engine()
    let query: [(String, String?)] = [("fromSrc", "-"), ("repo", repository), ("tag", tag), ("message", message)]
    let response = try engine.upload(
      .post, "/images/create", query: query + change.map { ("changes", $0) }, from: source)
    try engine.showProgress(of: response, quiet: false)
  }
}
