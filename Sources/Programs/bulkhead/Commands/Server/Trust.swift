import ArgumentParser
import Glibc

struct Trust: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make this machine trust the certificate authority of a Bulkhead server.",
    discussion: """
      The certificate comes from the server on this machine, or with --ca from a file, for instance one that was copied from \
      another machine: compare its fingerprint with what 'bulkhead trust --show' says there. Needs root. HOST is what stands in \
      the names of images; several can be named. Without HOST: localhost, 127.0.0.1 and this machine's name, each with port \
      \(Trust.standardPort).
      """)
  static let standardPort = 5_443

  @OptionGroup var connection: ServerOptions
  @Option(
    name: .customLong("for"),
    help: ArgumentHelp("docker, system or engine; may be repeated; all three when not given.", valueName: "whom"))
  var targets: [TrustTarget] = []
  @Option(help: ArgumentHelp("The authority's certificate (PEM); - for standard input.", valueName: "file")) var ca:
    String?
  @Option(
    help: ArgumentHelp("Work on another system below this folder; programs of it are not run.", valueName: "folder"))
  var root: String?
  @Flag(help: "Trust it no longer.") var remove = false
  @Flag(help: "Only show the certificate's fingerprint.") var show = false
  @Flag(name: .shortAndLong, help: "Put it in the place of another certificate.") var force = false
  @Argument(help: "HOST[:PORT].") var hosts: [String] = []

  func validate() throws {
    if remove, show { throw ValidationError("--remove and --show exclude each other") }
  }

  func run() throws {
    if show {
      let certificate = try certificate()
      print("SHA-256 \(certificate.fingerprint)")
      return
    }
    var names: [String] = []
    for host in hosts { names += try Self.names(host) }
    if names.isEmpty { names = Self.ownNames().map { "\($0):\(Self.standardPort)" } }
    guard root != nil || geteuid() == 0 else {
      throw ClientError("what this machine trusts is root's to say: run 'sudo bulkhead trust'")
    }
    let store = TrustStore(root: root ?? "")
    let kinds = targets.isEmpty ? TrustTarget.allCases : targets
    if remove {
      let gone = try store.remove(names, kinds)
      for path in gone { print("removed \(path)") }
      if gone.isEmpty { print("nothing was trusted for \(names.joined(separator: ", "))") }
      if gone.contains(where: { $0.hasPrefix(store.systemFolder) }) { try refresh(isNeeded: true) }
      return
    }
    let certificate = try certificate()
    for path in try store.install(certificate, names, kinds, replacing: force) { print(path) }
    if kinds.contains(.system) { try refresh(isNeeded: targets.contains(.system)) }
    print("trusted: SHA-256 \(certificate.fingerprint)")
  }

  /// The authority's certificate: from the file that was named, or from the server.
  private func certificate() throws -> CertificateFile {
    if let ca {
      let bytes =
        ca == "-"
        ? try WholeFile.read(STDIN_FILENO, named: "standard input", limit: CertificateFile.maximumBytes)
        : try WholeFile.read(ca, limit: CertificateFile.maximumBytes)
      guard let bytes else { throw ClientError("there is no file '\(ca)'") }
      return try CertificateFile(pem: bytes, named: ca)
    }
    let response = try connection.connect().transport.open(.get, Server.prefix + "/ca")
    return try CertificateFile(
      pem: try response.body.all(limit: CertificateFile.maximumBytes), named: "the server's answer")
  }

  /// Lets the system's own list be made anew; where there is no such program that is said.
  private func refresh(isNeeded: Bool) throws {
    let program = "update-ca-certificates"
    if root != nil {
      Console.complain("run '\(program)' in that system for its own list")
      return
    }
    do {
      let (output, code) = try ChildProcess.run([program], input: [])
      guard code == 0 else {
        throw ClientError("'\(program)' ended with \(code): \(String(decoding: output.suffix(300), as: UTF8.self))")
      }
    } catch  where !isNeeded && !Self.isInstalled(program) {
      Console.complain("there is no '\(program)' here: docker and the engine trust the server, other programs do not")
    }
  }

  private static func isInstalled(_ program: String) -> Bool {
    (environmentVariable("PATH") ?? "").split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
  }

  /// The names under which a registry is looked for: at HTTPS's own port names of images have it, or not.
  static func names(_ text: String) throws(ClientError) -> [String] {
    let name = try name(text)
    return name.hasSuffix(":443") ? [name, String(name.dropLast(4))] : [name]
  }

  /// `HOST:PORT`, the form in names of images and of folders. Throws for what could be no host, as it becomes part of a path.
  static func name(_ text: String) throws(ClientError) -> String {
    let wrong = ClientError.usage("'\(text)' is no HOST[:PORT], such as registry.example.com:\(standardPort)")
    var host = text
    var port = standardPort
    let bracket = text.lastIndex(of: "]")
    if let colon = text.lastIndex(of: ":"), bracket.map({ $0 < colon }) ?? true {
      guard let number = Int(text[text.index(after: colon)...]), (1...65_535).contains(number) else { throw wrong }
      host = String(text[..<colon])
      port = number
    }
    let isAddress = host.hasPrefix("[") && host.hasSuffix("]")
    let allowed: (UInt8) -> Bool = { byte in
      (48...57).contains(byte) || (97...122).contains(byte) || (65...90).contains(byte) || byte == UInt8(ascii: "-")
        || byte == UInt8(ascii: ".") || (isAddress && (byte == UInt8(ascii: ":")))
    }
    let bare = isAddress ? String(host.dropFirst().dropLast()) : host
    guard (1...253).contains(bare.utf8.count), bare.utf8.allSatisfy(allowed), !bare.hasPrefix("."), !bare.hasPrefix("-")
    else { throw wrong }
    return "\(host):\(port)"
  }

  private static func ownNames() -> [String] {
    var buffer = [CChar](repeating: 0, count: 256)
    gethostname(&buffer, buffer.count - 1)
    let own = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    let names = ["localhost", "127.0.0.1"]
    return names.contains(own) || (try? name(own)) == nil ? names : names + [own]
  }
}
