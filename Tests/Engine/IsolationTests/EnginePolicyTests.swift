import Glibc
import LinuxSystem
import Model
import Testing

@testable import Isolation

@Suite struct EnginePolicyTests {
  /// The file that packages install says what the program does without it.
  @Test func shippedFileIsTheDefault() throws {
    let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    let bytes = try FileSystem.read("/\(root)/packaging/engine.yaml", maxBytes: 1 << 20)
    #expect(try EnginePolicy.parse(bytes) == EnginePolicy())
  }

  @Test func emptyFileIsTheDefault() throws {
    #expect(try EnginePolicy.parse([]) == EnginePolicy())
    #expect(try EnginePolicy.parse(Array("# nothing\n\n".utf8)) == EnginePolicy())
  }

  @Test func valuesAreTaken() throws {
    let text = """
      privileged: true   # of course
      hostNamespaces: {network: false, pid: true}
      capabilities: {addable: [net_admin, CAP_SYS_PTRACE]}
      hostPaths:
        denied: [/etc/]
        allowed:
          - path: /srv/../data
            ownership: host
        ownership: none
      runtimes: {runc: /usr/bin/runc}
      syslog: {allowed: ["udp://192.0.2.1:*"]}
      engineSocket: labelled
      names: {rebinding: private, privateDomains: [corp.example]}
      networks: {subnets: [198.18.0.0/15]}
      backups: {folder: /srv/backups, passphraseFile: /etc/bulkhead/backup.passphrase}
      defaults: {pidsLimit: 100, logDriver: local}
      """
    let policy = try EnginePolicy.parse(Array(text.utf8))
    #expect(policy.privileged)
    #expect(!policy.hostNamespaces.network && policy.hostNamespaces.pid && !policy.hostNamespaces.user)
    #expect(policy.capabilities.addable == [.netAdmin, .sysPtrace])
    #expect(policy.hostPaths.denied == ["/etc"])
    #expect(policy.hostPaths.allowed == [HostPathRule(path: "/data", ownership: .host)])
    #expect(policy.hostPaths.ownership == .none)
    #expect(policy.defaultRuntime == "runc")
    #expect(policy.syslog.allowed == ["udp://192.0.2.1:*"])
    #expect(policy.engineSocket == .labelled && EnginePolicy().engineSocket == .refused)
    #expect(policy.networks.subnets == ["198.18.0.0/15"])
    #expect(policy.backups.folder == "/srv/backups")
    #expect(policy.backups.passphraseFile == "/etc/bulkhead/backup.passphrase")
    #expect(policy.names.rebinding == .private && policy.names.privateDomains == ["corp.example"])
    #expect(policy.defaults.pidsLimit == 100 && policy.defaults.logDriver == "local")
    #expect(policy.defaults.logMaxFiles == EnginePolicy.Defaults().logMaxFiles)
  }

  @Test(arguments: [
    ("privileged: maybe", "e.yaml line 1: 'privileged' must be true or false"),
    ("\nprivleged: true", "e.yaml line 2: unknown key 'privleged'; known here"),
    ("hostNamespaces:\n  net: true", "e.yaml line 2: unknown key 'hostNamespaces.net'; known here"),
    ("privileged: true\nprivileged: false", "is there twice"),
    ("- a", "e.yaml line 1: the file must be a mapping"),
    ("devices: /dev/kvm", "e.yaml line 1: 'devices' must be a mapping"),
    ("devices: {allowed: /dev/kvm}", "'devices.allowed' must be a list"),
    ("hostPaths: {denied: [etc]}", "'hostPaths.denied' must be a list of absolute paths"),
    ("hostPaths: {allowed: [{readOnly: true}]}", "'hostPaths.allowed.path' must be an absolute path"),
    ("engineSocket: yes", "'engineSocket' must be one of refused, labelled, bound"),
    ("hostPaths: {ownership: mine}", "'hostPaths.ownership' must be one of mapped, host, none"),
    ("names: {rebinding: never}", "'names.rebinding' must be one of containers, private, off"),
    ("names: {privateDomains: [.example]}", "must name domains such as corp.example, not '.example'"),
    ("names: {privateDomains: [\"*.example\"]}", "must name domains such as corp.example, not '*.example'"),
    ("capabilities: {addable: [FLY]}", "'capabilities.addable' has an unknown capability: FLY"),
    ("defaultRuntime: kata", "'defaultRuntime' must be one of crun, runc, runsc"),
    ("runtimes: {x: crun}", "'runtimes' must give absolute paths"),
    ("idRange: {first: 100000}", "unknown key 'idRange'"),
    ("limits: {containers: 1024}", "'limits.containers' must be a whole number from 1 to 1023"),
    ("defaults: {logMaxFiles: 0}", "'defaults.logMaxFiles' must be a whole number from 1 to 1000"),
    ("defaults: {logMaxSizeBytes: 1e999999}", "must be a whole number"),
    ("defaults: {logDriver: splunk}", "'defaults.logDriver' must be one of"),
    ("privileged: \"true", "e.yaml line 1: a quoted text has to end on its line"),
    ("devices: {allowed: [a,\n b]}", "e.yaml line 1: a list or mapping in brackets has to end on its line"),
    ("a: b: c", "e.yaml line 1:"),
    ("? [a]\n: b", "e.yaml line 1: a key must be a plain word"),
  ])
  func mistakesNameFileLineAndKey(text: String, message: String) {
    let failed = failure { _ = try EnginePolicy.parse(Array(text.utf8), name: "e.yaml") }
    #expect(failed.code == .invalidArgument)
    #expect(failed.message.contains(message), "\(failed.message)")
  }

  /// Nothing that expands, recurses or runs long reaches the parser.
  @Test(arguments: [
    "a: &a [x]\nb: *a",
    "a: [&a x, *a]",
    "? &a a\n: x",
    "- &a x\n- *a",
    "a: !!binary x",
    "a: |\n  \"\nb: *x",
    "a: b\u{2028}c: *d",
    "a: b\rc: *d",
    "a: foo\n  \"bar\nb: *x\nc: \"",
    "--- 1\n--- 2",
    String(repeating: "[", count: 60_000),
    String(repeating: "{a: ", count: 15_000),
    String(repeating: "- ", count: 30_000) + "x",
    (0..<200).map { String(repeating: " ", count: $0) + "a:\n" }.joined(),
    String(repeating: "\n", count: 10_000),
  ])
  func ATT060_yamlBombsAreRefusedBeforeParsing(text: String) {
    let start = Clock.monotonicNanoseconds()
    let failed = failure { _ = try EnginePolicy.parse(Array(text.utf8), name: "e.yaml") }
    #expect(failed.code == .invalidArgument)
    #expect(Clock.monotonicNanoseconds() - start < 1_000_000_000)
  }

  @Test func ATT060_fiftyMebibytesOfText() {
    let bytes = Array("a: ".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: 50 << 20)
    let failed = failure { _ = try EnginePolicy.parse(bytes, name: "e.yaml") }
    #expect(failed.message == "e.yaml: longer than 65536 bytes")
  }

  @Test func ATT060_billionLaughs() {
    var text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
    for level in 1...9 {
      let aliases = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
      text += "a\(level): &a\(level) [\(aliases)]\n"
    }
    let failed = failure { _ = try EnginePolicy.parse(Array(text.utf8), name: "e.yaml") }
    #expect(failed.code == .invalidArgument)
    #expect(
      failed.message
        == "e.yaml line 1: anchors, aliases, tags and block texts are not allowed; quote a value that begins so")
  }

  @Test func quotedStarsAreText() throws {
    let policy = try EnginePolicy.parse(
      Array("appArmor: {allowed: [\"*\", '&x']}\nsysctls: {allowed: [net.*]} # *\n".utf8))
    #expect(policy.appArmor.allowed == ["*", "&x"])
  }
}

/// Files and folders of a policy; needs root to give files away.
@Suite(.enabled(if: getuid() == 0)) struct EnginePolicyLoadTests {
  private func folder() throws -> String {
    let path = "/tmp/isolation-policy-" + ContainerID.random().short
    try FileSystem.makeDirectory(path, mode: 0o755)
    return path
  }

  @Test func aFileThatIsNamedHasToBeThere() throws {
    let root = try folder()
    defer { try? FileSystem.removeTree(root) }
    for path in [root + "/engine.yaml", root + "/none/engine.yaml"] {
      let failed = failure { _ = try EnginePolicy.load(path: path) }
      #expect(failed.code == .notFound && failed.message.contains(path))
    }
  }

  @Test(.enabled(if: !FileSystem.exists(EnginePolicy.standardPath))) func theStandardFileMayBeMissing() throws {
    #expect(try EnginePolicy.load() == EnginePolicy())
  }

  @Test func trustedFileIsRead() throws {
    let root = try folder()
    defer { try? FileSystem.removeTree(root) }
    try FileSystem.atomicWrite(root + "/engine.yaml", Array("privileged: true\n".utf8), mode: 0o644)
    #expect(try EnginePolicy.load(path: root + "/engine.yaml").privileged)
  }

  @Test(arguments: [
    "file-owner", "file-group-write", "file-world-write", "folder-owner", "folder-write", "link", "folder-link", "fifo",
  ])
  func untrustedFileIsRefused(what: String) throws {
    let root = try folder()
    defer { try? FileSystem.removeTree(root) }
    let inner = root + "/etc"
    try FileSystem.makeDirectory(inner)
    var path = inner + "/engine.yaml"
    try FileSystem.atomicWrite(path, Array("privileged: true\n".utf8), mode: 0o644)
    switch what {
    case "file-owner": chown(path, 1000, 0)
    case "file-group-write": chmod(path, 0o664)
    case "file-world-write": chmod(path, 0o646)
    case "folder-owner": chown(inner, 1000, 0)
    case "folder-write": chmod(inner, 0o777)
    case "link":
      symlink(path, inner + "/link.yaml")
      path = inner + "/link.yaml"
    case "folder-link":
      symlink(inner, root + "/link")
      path = root + "/link/engine.yaml"
    default:
      path = inner + "/fifo"
      mkfifo(path, 0o600)
    }
    let failed = failure { _ = try EnginePolicy.load(path: path) }
    #expect(failed.code == .forbidden, "\(failed.message)")
  }
}
