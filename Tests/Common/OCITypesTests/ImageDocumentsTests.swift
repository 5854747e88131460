import Model
import Testing

@testable import OCITypes

@Suite struct ImageDocumentsTests {
  static let hex = String(repeating: "ab", count: 32)

  @Test func dockerConfigWithNullsAndExtrasIsRead() throws {
    let text = """
      {"architecture":"amd64","config":{"Hostname":"","Env":["PATH=/bin"],"Cmd":["sh"],"Volumes":null,
       "ExposedPorts":{"80/tcp":{}},"Entrypoint":null,"OnBuild":null,"Labels":{"a":"b"},"StopTimeout":7,
       "Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":30000000000,"Retries":3},"Shell":["/bin/sh","-c"]},
       "container":"x","container_config":{"Hostname":"x","Tty":false},"created":"2024-01-02T03:04:05.6Z",
       "docker_version":"20.10","history":[{"created":"2024-01-02T03:04:05Z","created_by":"ADD","empty_layer":true}],
       "os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:\(Self.hex)"]},"unknown":{"deep":[1,2,3]}}
      """
    let config = try ImageDocuments.config(from: Array(text.utf8))
    #expect(config.config?.env == ["PATH=/bin"])
    #expect(config.config?.volumes == nil)
    #expect(config.config?.exposedPorts?.keys.first == "80/tcp")
    #expect(config.config?.healthcheck?.interval == 30_000_000_000)
    #expect(config.config?.stopTimeout == 7)
    #expect(config.history?.first?.emptyLayer == true)
    #expect(config.rootfs.diffIDs.map(\.hex) == [Self.hex])
    #expect(config.platform.runs(on: Platform(architecture: "amd64", os: "linux")))
  }

  @Test func encodingIsTheSameForTheSameValue() throws {
    var config = ImageConfig(
      platform: Platform(architecture: "amd64", os: "linux"), rootfs: RootFS(diffIDs: [try Digest(hex: Self.hex)]))
    config.config = ImageExecution()
    config.config?.exposedPorts = ["80/tcp": EmptyObject()]
    let bytes = try ImageDocuments.encode(config)
    let expected = """
      {"architecture":"amd64","config":{"ExposedPorts":{"80/tcp":{}}},"os":"linux",\
      "rootfs":{"diff_ids":["sha256:\(Self.hex)"],"type":"layers"}}
      """
    #expect(String(decoding: bytes, as: UTF8.self) == expected)
    #expect(try ImageDocuments.config(from: bytes) == config)
  }

  @Test(arguments: [
    ("{", PlatformError.Code.invalidArgument), ("", .invalidArgument), ("[]", .invalidArgument),
    (#"{"schemaVersion":1,"config":{},"layers":[]}"#, .invalidArgument),
    (#"{"schemaVersion":2,"layers":[]}"#, .invalidArgument),
    (
      #"{"schemaVersion":2,"config":{"mediaType":"x","digest":"sha256:../../x","size":1},"layers":[]}"#,
      .invalidArgument
    ),
  ])
  func badManifestsAreRefusedWithTheirReason(text: String, code: PlatformError.Code) {
    let error = #expect(throws: PlatformError.self) { try ImageDocuments.manifest(from: Array(text.utf8)) }
    #expect(error?.code == code)
    #expect((error?.message.utf8.count ?? 0) < 600)
  }

  @Test(arguments: ["deep array", "deep object", "long"])
  func oversizedManifestsAreRefusedBeforeDecoding(kind: String) {
    let text =
      switch kind {
      case "deep array": String(repeating: "[", count: 100_000)
      case "deep object": String(repeating: "{\"a\":", count: 65) + "1" + String(repeating: "}", count: 65)
      default: String(repeating: " ", count: ImageDocuments.maximumManifestBytes + 1)
      }
    let error = #expect(throws: PlatformError.self) { try ImageDocuments.manifest(from: Array(text.utf8)) }
    #expect(error?.code == .resourceExhausted)
  }

  @Test func negativeSizesAreRefused() {
    let text = """
      {"schemaVersion":2,"config":{"mediaType":"a","digest":"sha256:\(Self.hex)","size":-1},"layers":[]}
      """
    let error = #expect(throws: PlatformError.self) { try ImageDocuments.manifest(from: Array(text.utf8)) }
    #expect(error?.message.contains("negative size") == true)
  }

  @Test func bracketsInsideStringsDoNotCount() throws {
    let brackets = String(repeating: "[{", count: 200) + #"\""#
    let text = """
      {"schemaVersion":2,"annotations":{"x":"\(brackets)"},
       "config":{"mediaType":"a","digest":"sha256:\(Self.hex)","size":1},"layers":[]}
      """
    #expect(try ImageDocuments.manifest(from: Array(text.utf8)).annotations?.count == 1)
  }

  @Test func tooManyLayersAreRefused() {
    let layer = #"{"mediaType":"a","digest":"sha256:\#(Self.hex)","size":1}"#
    let text = """
      {"schemaVersion":2,"config":\(layer),"layers":[\(Array(repeating: layer, count: 501).joined(separator: ","))]}
      """
    let error = #expect(throws: PlatformError.self) { try ImageDocuments.manifest(from: Array(text.utf8)) }
    #expect(error?.code == .resourceExhausted)
  }

  @Test(arguments: [
    (MediaType.dockerLayerGzip, LayerCompression.gzip), (.ociLayerZstd, .zstd), (.ociLayer, LayerCompression.none),
    (.ociForeignLayerGzip, .gzip),
  ])
  func layerTypesSayTheirPacking(type: MediaType, packing: LayerCompression) {
    #expect(type.layerCompression == packing)
    #expect(type.isLayer && !type.isManifest && !type.isConfig && !type.isIndex)
  }

  @Test func seededDamageNeverTraps() throws {
    var state: UInt64 = 0x5eed
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
    let layer = #"{"mediaType":"a","digest":"sha256:\#(Self.hex)","size":1}"#
    let good = Array(#"{"schemaVersion":2,"config":\#(layer),"layers":[\#(layer)],"annotations":{"a":"b"}}"#.utf8)
    for _ in 0..<2_000 {
      var bytes = good
      for _ in 0...(next() % 4) { bytes[Int(next()) % bytes.count] = UInt8(truncatingIfNeeded: next()) }
      _ = try? ImageDocuments.manifest(from: bytes)
    }
  }
}
