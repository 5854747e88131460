import HTTPServing
import KubeMachinery
import KubeResources
import Testing

@testable import KubernetesAPI

@Suite struct ProtobufDocumentTests {
  /// Every field that clients may send has a number, or is one of those that only JSON has.
  @Test func everyFieldOfEveryKindHasANumber() {
    var seen: Set<String> = []
    var missing: [String] = []
    func names(_ message: String) -> Set<String> {
      var names: Set<String> = []
      for entry in (ProtobufNumbers.messages[message] ?? [:]).values {
        switch entry {
        case .field(let name, _): names.insert(name)
        case .inline(let inner): names.formUnion(Self.fields(of: inner))
        }
      }
      return names
    }
    func walk(_ schema: ObjectSchema) {
      let message = ProtobufNumbers.message(of: schema)
      guard seen.insert(message).inserted else { return }
      let known = names(message)
      for field in schema.fields {
        if !["kind", "apiVersion"].contains(field.name), !known.contains(field.name) {
          missing.append("\(message).\(field.name)")
        }
        walk(field.schema)
      }
    }
    func walk(_ schema: Schema) {
      switch schema {
      case .object(let schema): walk(schema)
      case .list(let schema, _), .map(let schema, _): walk(schema)
      default: break
      }
    }
    for kind in KindCatalog.complete.kinds where kind.origin != .measurement { walk(kind.schema) }
    #expect(seen.count > 200)
    #expect(missing == [])
  }

  private static func fields(of message: String) -> Set<String> {
    var names: Set<String> = []
    for entry in (ProtobufNumbers.messages[message] ?? [:]).values {
      if case .field(let name, _) = entry { names.insert(name) }
    }
    return names
  }

  private static func schema(_ name: KindName) -> ObjectSchema? { KindCatalog.all[name]?.schema }

  /// A field with bytes.
  private static func message(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
    precondition(bytes.count < 128)
    return [number << 3 | 2, UInt8(bytes.count)] + bytes
  }

  private static func text(_ number: UInt8, _ text: String) -> [UInt8] { message(number, Array(text.utf8)) }

  private static func envelope(_ apiVersion: String, _ kind: String, _ raw: [UInt8]) -> [UInt8] {
    [0x6b, 0x38, 0x73, 0] + message(1, text(1, apiVersion) + text(2, kind)) + message(2, raw)
  }

  @Test func documentsAreReadAsTheirJSON() throws {
    let meta = Self.message(1, Self.text(1, "a") + Self.text(2, "") + [7 << 3, 0] + Self.message(8, []))
    let map = Self.envelope(
      "v1", "ConfigMap",
      meta + Self.message(2, Self.text(1, "x") + Self.text(2, "1")) + Self.message(2, Self.text(1, "y"))
        + Self.message(3, Self.text(1, "b") + Self.message(2, [0, 255])) + [4 << 3, 0] + [15 << 3, 7])
    #expect(
      try ProtobufDocument.read(map, Self.schema).encodedText
        == #"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":{"x":"1","y":""},"#
        + #""binaryData":{"b":"AP8="},"immutable":false}"#)
    let port = Self.text(1, "web") + [3 << 3, 80] + Self.message(4, [1 << 3, 1] + Self.text(3, "http"))
    let service = Self.envelope("v1", "Service", Self.message(2, Self.message(1, port)))
    #expect(
      try ProtobufDocument.read(service, Self.schema).encodedText
        == #"{"kind":"Service","apiVersion":"v1","spec":{"ports":[{"name":"web","port":80,"targetPort":"http"}]}}"#)
    let volume = Self.text(1, "v") + Self.message(2, Self.message(2, Self.message(2, Self.text(1, "1Gi"))))
    let pod = Self.envelope("v1", "Pod", Self.message(2, Self.message(1, volume)))
    #expect(
      try ProtobufDocument.read(pod, Self.schema).encodedText
        == #"{"kind":"Pod","apiVersion":"v1","spec":{"volumes":[{"name":"v","emptyDir":{"sizeLimit":"1Gi"}}]}}"#)
    let replicas = Self.envelope("apps/v1", "Deployment", Self.message(2, [1 << 3, 0]))
    #expect(
      try ProtobufDocument.read(replicas, Self.schema).encodedText
        == #"{"kind":"Deployment","apiVersion":"apps/v1","spec":{"replicas":0}}"#)
  }

  @Test("ATT-060: what is malformed is refused with its reason") func malformed() throws {
    let cases: [(bytes: [UInt8], reason: String)] = [
      ([], "does not begin"), (Array("k8s".utf8), "does not begin"), ([0x6b, 0x38, 0x73, 0, 0x0a], "breaks off"),
      ([0x6b, 0x38, 0x73, 0, 0x0a, 0x7f, 1], "breaks off"), ([0x6b, 0x38, 0x73, 0, 0x00, 1], "the number 0"),
      ([0x6b, 0x38, 0x73, 0, 0x0b], "unknown form 3"),
      ([0x6b, 0x38, 0x73, 0] + [UInt8](repeating: 0xff, count: 11), "longer than 64 bits"),
      (Self.envelope("v1", "Nonsuch", []), "no kind \"Nonsuch\" is registered for version \"v1\""),
      (Self.envelope("v1", "ConfigMap", [1 << 3, 1]), "not of the form expected"),
      (Self.envelope("v1", "ConfigMap", Self.message(1, Self.message(1, [0xff, 0xfe]))), "not UTF-8"),
      ([0x6b, 0x38, 0x73, 0] + Self.text(3, "gzip"), "encoded once more"),
    ]
    for (bytes, reason) in cases {
      let error = #expect(throws: StatusError.self) { try ProtobufDocument.read(bytes, Self.schema) }
      #expect(error?.code == 400 && error?.message.contains(reason) == true, "\(reason): \(error?.message ?? "")")
    }
    let noise = (0..<250_000).flatMap { _ in [5 << 3, 1] as [UInt8] }
    let many = Self.envelope("v1", "ConfigMap", []).dropLast(2) + Self.long(2, noise)
    #expect(throws: StatusError.self) { try ProtobufDocument.read(Array(many), Self.schema) }
  }

  private static func long(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
    var length: [UInt8] = []
    var count = bytes.count
    while count >= 128 {
      length.append(UInt8(count & 0x7f) | 0x80)
      count >>= 7
    }
    return [number << 3 | 2] + length + [UInt8(count)] + bytes
  }

  /// Seeded, so that a failure comes again.
  @Test func noisesEndInARefusalOrADocument() {
    var random = Seeded(state: 7)
    let kinds = ["ConfigMap", "Pod", "Secret", "Service"]
    for round in 0..<20_000 {
      let raw = (0..<Int(random.next() % 100)).map { _ in
        UInt8(truncatingIfNeeded: random.next() % (round % 2 == 0 ? 256 : 40))
      }
      let bytes = Self.envelope("v1", kinds[round % 4], raw)
      do { _ = try ProtobufDocument.read(bytes, Self.schema) } catch {
        #expect((error as? StatusError)?.code == 400, "\(bytes): \(error)")
      }
    }
  }

  /// Source: Marsaglia, *Xorshift RNGs*.
  private struct Seeded {
    var state: UInt64
    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }
}
