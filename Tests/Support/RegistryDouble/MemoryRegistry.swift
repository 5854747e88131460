import ContentStore
import Foundation
import Model
import NIOHTTP1
import OCITypes
import Synchronization

/// A registry that keeps everything in memory and does what the specification says, unless a test tells it otherwise.
public final class MemoryRegistry: Sendable {
  public typealias Hook = @Sendable (ScriptedServer.Request) -> ScriptedServer.Answer?

  public struct State: Sendable {
    /// By repository.
    public var blobs: [String: [Digest: [UInt8]]] = [:]
    /// By `repository/reference`.
    public var manifests: [String: (type: String, bytes: [UInt8])] = [:]
    var uploads: [String: [UInt8]] = [:]
  }

  private let state: Mutex<State>
  private let hook: Mutex<Hook?>
  public let server: ScriptedServer

  public init(_ hook: Hook? = nil) throws {
    let box = Box()
    state = Mutex(State())
    self.hook = Mutex(hook)
    server = try ScriptedServer { request, _ in box.registry()?.answer(request) ?? .full(503) }
    box.set(self)
  }

  private final class Box: Sendable {
    private struct Weak { weak var registry: MemoryRegistry? }
    private let held = Mutex(Weak())
    func registry() -> MemoryRegistry? { held.withLock { $0.registry } }
    func set(_ registry: MemoryRegistry) { held.withLock { $0.registry = registry } }
  }

  public var address: String { server.address }

  /// Answers before the registry does, where it says something.
  public func intercept(_ hook: Hook?) { self.hook.withLock { $0 = hook } }

  public func read<Value>(_ body: (State) -> Value) -> Value { state.withLock { body($0) } }

  @discardableResult
  public func add(blob bytes: [UInt8], to repository: String) -> Digest {
    let digest = ContentHasher.digest(of: bytes)
    state.withLock { $0.blobs[repository, default: [:]][digest] = bytes }
    return digest
  }

  /// Adds a document under a tag and under its digest.
  @discardableResult
  public func add(manifest bytes: [UInt8], type: MediaType, to repository: String, tag: String? = nil) -> Digest {
    let digest = ContentHasher.digest(of: bytes)
    state.withLock { state in
      for name in [digest.description, tag].compactMap({ $0 }) {
        state.manifests["\(repository)/\(name)"] = (type.rawValue, bytes)
      }
    }
    return digest
  }

  /// What was asked for, as `METHOD kind`: `HEAD blobs`, `PUT manifests`, `POST uploads`.
  public func requests(_ method: HTTPMethod, _ kind: String) -> [ScriptedServer.Request] {
    server.requests.filter { $0.method == method && $0.target.contains("/\(kind)/") }
  }

  // MARK: - Answers

  private func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
    if let answer = hook.withLock({ $0 })?(request) { return answer }
    let parts = request.target.split(separator: "?", maxSplits: 1).map(String.init)
    let query = Self.query(parts.count > 1 ? parts[1] : "")
    let path = parts[0].split(separator: "/").map(String.init)
    guard path.first == "v2" else { return .full(404) }
    if path.count == 1 { return .full(200) }
    if let at = path.firstIndex(of: "uploads"), at >= 3 {
      return upload(
        request, path[1..<(at - 1)].joined(separator: "/"), id: path.count > at + 1 ? path[at + 1] : nil, query)
    }
    guard path.count >= 4 else { return .full(404) }
    let repository = path[1..<(path.count - 2)].joined(separator: "/")
    switch path[path.count - 2] {
    case "blobs": return blob(request, repository, path[path.count - 1])
    case "manifests": return manifest(request, repository, path[path.count - 1])
    case "tags": return tags(repository)
    default: return .full(404)
    }
  }

  private static func query(_ text: String) -> [String: String] {
    var result: [String: String] = [:]
    for item in text.split(separator: "&") {
      let pair = item.split(separator: "=", maxSplits: 1).map(String.init)
      result[pair[0]] = pair.count > 1 ? pair[1].removingPercentEncoding : ""
    }
    return result
  }

  private static func refusal(_ status: Int, _ code: String) -> ScriptedServer.Answer {
    .full(status, ["Content-Type": "application/json"], Array("{\"errors\":[{\"code\":\"\(code)\"}]}".utf8))
  }

  private func blob(_ request: ScriptedServer.Request, _ repository: String, _ name: String) -> ScriptedServer.Answer {
    guard let digest = try? Digest(parsing: name), let bytes = read({ $0.blobs[repository]?[digest] }) else {
      return Self.refusal(404, "BLOB_UNKNOWN")
    }
    let headers: HTTPHeaders = ["Content-Length": "\(bytes.count)", "Docker-Content-Digest": name]
    if request.method == .HEAD { return .full(200, headers) }
    if let range = request.headers.first(name: "Range"), let start = Int(range.dropFirst(6).dropLast()) {
      return .full(206, ["Content-Range": "bytes \(start)-\(bytes.count - 1)/\(bytes.count)"], Array(bytes[start...]))
    }
    return .full(200, headers, bytes)
  }

  private func manifest(
    _ request: ScriptedServer.Request, _ repository: String, _ name: String
  ) -> ScriptedServer.Answer {
    if request.method == .PUT {
      let type = MediaType(rawValue: request.headers.first(name: "Content-Type") ?? "")
      let isTag = !name.hasPrefix("sha256:")
      let digest = add(manifest: request.body, type: type, to: repository, tag: isTag ? name : nil)
      return .full(201, ["Docker-Content-Digest": digest.description])
    }
    guard let found = read({ $0.manifests["\(repository)/\(name)"] }) else {
      let isKnown = read { $0.manifests.keys.contains { $0.hasPrefix(repository + "/") } }
      return Self.refusal(404, isKnown ? "MANIFEST_UNKNOWN" : "NAME_UNKNOWN")
    }
    let headers: HTTPHeaders = [
      "Content-Type": found.type, "Content-Length": "\(found.bytes.count)",
      "Docker-Content-Digest": ContentHasher.digest(of: found.bytes).description,
    ]
    return .full(200, headers, request.method == .HEAD ? [] : found.bytes)
  }

  private func tags(_ repository: String) -> ScriptedServer.Answer {
    let prefix = repository + "/"
    let tags = read { $0.manifests.keys.filter { $0.hasPrefix(prefix) && !$0.contains("sha256:") } }
      .map { "\"\($0.dropFirst(prefix.count))\"" }.sorted()
    return .full(200, [:], Array("{\"name\":\"\(repository)\",\"tags\":[\(tags.joined(separator: ","))]}".utf8))
  }

  private func upload(
    _ request: ScriptedServer.Request, _ repository: String, id: String?, _ query: [String: String]
  ) -> ScriptedServer.Answer {
    if request.method == .POST {
      if let mount = query["mount"].flatMap({ try? Digest(parsing: $0) }), let from = query["from"],
        let bytes = read({ $0.blobs[from]?[mount] })
      {
        add(blob: bytes, to: repository)
        return .full(201)
      }
      let id = String(UInt64.random(in: .min ... .max), radix: 36)
      state.withLock { $0.uploads[id] = [] }
      return .full(202, ["Location": "/v2/\(repository)/blobs/uploads/\(id)"])
    }
    guard let id, let before = read({ $0.uploads[id] }) else { return Self.refusal(404, "BLOB_UPLOAD_UNKNOWN") }
    let bytes = before + request.body
    let location: HTTPHeaders = [
      "Location": "/v2/\(repository)/blobs/uploads/\(id)", "Range": "0-\(max(0, bytes.count - 1))",
    ]
    switch request.method {
    case .PATCH:
      state.withLock { $0.uploads[id] = bytes }
      return .full(202, location)
    case .GET: return .full(204, location)
    case .PUT:
      guard let digest = query["digest"], digest == ContentHasher.digest(of: bytes).description else {
        return Self.refusal(400, "DIGEST_INVALID")
      }
      add(blob: bytes, to: repository)
      state.withLock { $0.uploads[id] = nil }
      return .full(201, ["Docker-Content-Digest": digest])
    default:
      state.withLock { $0.uploads[id] = nil }
      return .full(204)
    }
  }

  /// Uploads that were begun and neither finished nor given up.
  public var openUploads: Int { read { $0.uploads.count } }
}
