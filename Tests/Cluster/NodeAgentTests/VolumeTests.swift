import FoundationEssentials
import Glibc
import HTTPServing
import KubeMachinery
import LinuxSystem
import Testing

@testable import NodeAgent

struct VolumeTests {
  private func files(
    _ volume: String, objects: PodObjects = PodObjects(), tokens: [ProjectedToken.Key: ProjectedToken] = [:]
  ) throws -> [String: String] {
    let pod = Sample.pod(meta: #"{"labels":{"a":"1"}}"#)
    guard case .files(let sources, let mode) = VolumeSource(Sample.json(volume)) else { return [:] }
    let fields = FieldReference(pod: pod, hostAddress: "", addresses: [], capacity: Sample.node.capacity)
    return try VolumeFiles(
      sources, defaultMode: mode, pod: pod, objects: objects, fields: fields, tokens: tokens, tokenMode: 0o600
    ).files.mapValues { "\(String($0.mode, radix: 8)) \(String(decoding: $0.bytes, as: UTF8.self))" }
  }

  private static var objects: PodObjects {
    var objects = PodObjects()
    objects.configMaps["m"] = .some(Sample.json(#"{"data":{"k":"v","l":"w"},"binaryData":{"b":"AAE="}}"#))
    objects.secrets["s"] = .some(Sample.json(#"{"data":{"p":"c2VjcmV0"}}"#))
    return objects
  }

  @Test("Keys become files with their modes, all or those that are named")
  func keys() throws {
    #expect(
      try files(#"{"configMap":{"name":"m","defaultMode":292}}"#, objects: Self.objects)
        == ["k": "444 v", "l": "444 w", "b": "444 \0\u{1}"])
    #expect(
      try files(
        #"{"configMap":{"name":"m","items":[{"key":"k","path":"x/y","mode":256}]}}"#, objects: Self.objects)
        == ["x/y": "400 v"])
    #expect(try files(#"{"secret":{"secretName":"s"}}"#, objects: Self.objects) == ["p": "644 secret"])
  }

  @Test("Several sources share one folder: fields, objects, a token")
  func projected() throws {
    let token = ProjectedToken(
      text: "t", issuedAt: Sample.start, endsAt: Timestamp(seconds: Sample.start.seconds + 3_600))
    let key = ProjectedToken.Key(audience: "aud", seconds: 600)
    let volume = #"""
      {"projected":{"defaultMode":420,"sources":[
        {"serviceAccountToken":{"path":"token","audience":"aud","expirationSeconds":600}},
        {"configMap":{"name":"m","items":[{"key":"k","path":"k"}]}},
        {"downwardAPI":{"items":[{"path":"labels","fieldRef":{"fieldPath":"metadata.labels"}},
          {"path":"cpu","resourceFieldRef":{"containerName":"c","resource":"limits.cpu"}}]}},
        {"secret":{"name":"gone","optional":true}}]}}
      """#
    #expect(
      try files(volume, objects: Self.objects, tokens: [key: token])
        == ["token": "600 t", "k": "644 v", "labels": "644 a=\"1\"", "cpu": "644 4"])
  }

  @Test(
    "What is missing, or leads out of the volume, is refused",
    arguments: [
      (#"{"configMap":{"name":"x"}}"#, #"configmap "x" not found"#),
      (#"{"secret":{"secretName":"x"}}"#, #"secret "x" not found"#),
      (
        #"{"configMap":{"name":"m","items":[{"key":"z","path":"z"}]}}"#,
        "configmap references non-existent config key: z"
      ),
      (
        #"{"configMap":{"name":"m","items":[{"key":"k","path":"../k"}]}}"#,
        #"the path "../k" is no file below the volume"#
      ),
      (
        #"{"configMap":{"name":"m","items":[{"key":"k","path":"a/../../k"}]}}"#,
        #"the path "a/../../k" is no file below the volume"#
      ),
      (#"{"configMap":{"name":"m","items":[{"key":"k","path":"/k"}]}}"#, #"the path "/k" is no file below the volume"#),
    ])
  func refused(volume: String, message: String) {
    #expect(throws: VolumeFiles.Failure(message: message)) { try files(volume, objects: Self.objects) }
  }

  @Test("Tokens are renewed after four fifths of their life")
  func renewal() {
    let token = ProjectedToken(
      text: "", issuedAt: Sample.start, endsAt: Timestamp(seconds: Sample.start.seconds + 1_000))
    #expect(!token.isDue(at: Timestamp(seconds: Sample.start.seconds + 799)))
    #expect(token.isDue(at: Timestamp(seconds: Sample.start.seconds + 800)))
    let long = ProjectedToken(
      text: "", issuedAt: Sample.start, endsAt: Timestamp(seconds: Sample.start.seconds + 1_000_000))
    #expect(long.isDue(at: Timestamp(seconds: Sample.start.seconds + 86_400)))
  }

  private func writing(_ body: (VolumeWriter, String) throws -> Void) throws {
    let root = FileManager.default.temporaryDirectory.path + "/volumes-\(UUID().uuidString)"
    try FileSystem.makeDirectory(root)
    defer { try? FileSystem.removeTree(root) }
    let owner = VolumeWriter.Owner(user: getuid(), group: getgid())
    let volumes = try RootedDirectory(path: root, confinement: .beneath)
    try body(VolumeWriter(volumes: volumes, name: "v", owner: owner), "\(root)/v")
  }

  @Test("Links that somebody puts in the place of a folder lead nowhere")
  func links() throws {
    try writing { writer, folder in
      let outside = FileManager.default.temporaryDirectory.path + "/outside-\(UUID().uuidString)"
      try FileSystem.makeDirectory(outside)
      defer { try? FileSystem.removeTree(outside) }
      symlink(outside, folder)
      let error = #expect(throws: SystemError.self) { try writer.write(try volume(["a": "1"])) }
      #expect([ENOTDIR, ELOOP].contains(error?.errno))
      #expect(try FileSystem.list(outside) == [])
      try FileSystem.removeFile(folder)
      // The link to the present files is replaced, whatever it says, and what it led to is not read.
      try FileSystem.makeDirectory(folder)
      symlink(outside, "\(folder)/..data")
      symlink(outside, "\(folder)/..data_tmp")
      symlink("\(outside)/kept", "\(folder)/other")
      try FileSystem.atomicWrite("\(outside)/kept", [1], durable: false)
      #expect(try writer.write(try volume(["a": "1"])))
      #expect(try FileSystem.read("\(folder)/a", maxBytes: 9) == [49])
      #expect(try FileSystem.list(outside) == ["kept"])
      #expect(try FileSystem.list(folder).filter { !$0.hasPrefix("..") } == ["a"])
    }
  }

  @Test(
    "No pod mounts what belongs to the agent, whatever way leads there",
    arguments: [
      "/", "ROOT", "ROOT/pods", "ROOT/pods/u1/volumes", "ROOT/..", "PARENT", "LINK/pods", "/var/log/pods/x", "/var/log",
    ])
  func hostPaths(_ path: String) throws {
    let parent = FileManager.default.temporaryDirectory.path + "/host-\(UUID().uuidString)"
    defer { try? FileSystem.removeTree(parent) }
    var node = Sample.node
    node.root = "\(parent)/agent"
    try FileSystem.makeDirectories(node.root)
    symlink(node.root, "\(parent)/link")
    func prepared(_ path: String) throws {
      let pod = Sample.pod(#"{"volumes":[{"name":"h","hostPath":{"path":"\#(path)"}}]}"#)
      let fields = FieldReference(pod: pod, hostAddress: "", addresses: [], capacity: node.capacity)
      try PodFolder(pod: pod, node: node).prepare(PodObjects(), fields, [:])
    }
    let place = path.split(separator: "/", omittingEmptySubsequences: false).map { part in
      ["ROOT": node.root, "PARENT": parent, "LINK": "\(parent)/link"][String(part)] ?? String(part)
    }.joined(separator: "/")
    #expect(throws: VolumeFiles.Failure.self) { try prepared(place) }
    #expect(throws: Never.self) { try prepared("\(parent)/else") }
  }

  @Test("What a host path is, is looked at for what a container mounts")
  func hostPathTypes() throws {
    func check(_ path: String, _ type: String, _ mounts: String = #"[{"name":"h","mountPath":"/h"}]"#) throws {
      let pod = Sample.pod(#"{"volumes":[{"name":"h","hostPath":{"path":"\#(path)","type":"\#(type)"}}]}"#)
      let container = ContainerDocument(Sample.json(#"{"name":"c","volumeMounts":\#(mounts)}"#), .main)
      try PodFolder(pod: pod, node: Sample.node).checkHostTypes(of: container)
    }
    for (path, type) in [("/etc", "Directory"), ("/etc/passwd", "File"), ("/dev/null", "CharDevice"), ("/no", "")] {
      #expect(throws: Never.self) { try check(path, type) }
    }
    for (path, type) in [("/etc", "File"), ("/etc/passwd", "Directory"), ("/no", "File"), ("/etc", "Thing")] {
      #expect(throws: VolumeFiles.Failure.self) { try check(path, type) }
      #expect(throws: Never.self) { try check(path, type, "[]") }
    }
  }

  private func volume(_ data: [String: String]) throws -> VolumeFiles {
    var objects = PodObjects()
    objects.configMaps["m"] = .some(["data": .texts(data)])
    let items = data.keys.map { key in
      VolumeSource.Item(["key": .string(key), "path": .string(key.split(separator: "_").joined(separator: "/"))])
    }
    let pod = Sample.pod()
    return try VolumeFiles(
      [.configMap(name: "m", items: items, isOptional: false)], defaultMode: 0o640, pod: pod, objects: objects,
      fields: FieldReference(pod: pod, hostAddress: "", addresses: [], capacity: Sample.node.capacity), tokens: [:],
      tokenMode: 0o600)
  }

  @Test("Files are replaced together, and what went goes")
  func replaced() throws {
    try writing { writer, folder in
      func read(_ path: String) throws -> String {
        String(decoding: try FileSystem.read("\(folder)/\(path)", maxBytes: 100), as: UTF8.self)
      }
      #expect(try writer.write(try volume(["a": "1", "d_e": "2"])))
      #expect(try read("a") == "1" && read("d/e") == "2")
      #expect(try Descriptor.open("\(folder)/a", flags: O_RDONLY).status().mode & 0o777 == 0o640)
      // Nothing is touched where nothing changed.
      #expect(try !writer.write(try volume(["a": "1", "d_e": "2"])))
      let old = try Descriptor.open("\(folder)/..data", flags: O_PATH | O_NOFOLLOW).readLink()
      #expect(try writer.write(try volume(["a": "3", "b": "4"])))
      #expect(try read("a") == "3" && read("b") == "4")
      #expect(!FileSystem.exists("\(folder)/d") && !FileSystem.exists("\(folder)/\(old)"))
      #expect(try FileSystem.list(folder).filter { !$0.hasPrefix("..") } == ["a", "b"])
    }
  }

  @Test("What an interrupted write has left is taken away by the next")
  func interrupted() throws {
    try writing { writer, folder in
      try writer.write(try volume(["a": "1"]))
      try FileSystem.makeDirectory("\(folder)/..half")
      try writer.write(try volume(["a": "2"]))
      #expect(!FileSystem.exists("\(folder)/..half"))
    }
  }

  @Test(
    "An empty folder is its pod's group's, also where an agent was killed when it made it, and is left alone once it is there",
    .enabled(if: geteuid() == 0))
  func empty() throws {
    let root = FileManager.default.temporaryDirectory.path + "/empty-\(UUID().uuidString)"
    defer { try? FileSystem.removeTree(root) }
    var node = Sample.node
    node.root = root
    let pod = Sample.pod(
      #"{"securityContext":{"fsGroup":10001},"volumes":[{"name":"a","emptyDir":{}},{"name":"b","emptyDir":{}}]}"#)
    let folder = PodFolder(pod: pod, node: node)
    let fields = FieldReference(pod: pod, hostAddress: "", addresses: [], capacity: node.capacity)
    try FileSystem.makeDirectories(folder.volumePath("a") + ".new", mode: 0o700)
    try folder.prepare(PodObjects(), fields, [:])
    for name in ["a", "b"] {
      let status = try Descriptor.open(folder.volumePath(name), flags: O_PATH).status()
      #expect(status.mode == 0o2777 && status.uid == 0 && status.gid == 10_001)
    }
    #expect(try FileSystem.list(FileSystem.parent(of: folder.volumePath("a"))) == ["a", "b"])
    let own = try Descriptor.open(folder.volumePath("b"), flags: O_RDONLY | O_DIRECTORY)
    try own.chmod(0o700)
    try folder.prepare(PodObjects(), fields, [:])
    #expect(try own.status().mode == 0o700)
  }
}
