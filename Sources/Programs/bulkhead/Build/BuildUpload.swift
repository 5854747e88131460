import Glibc

/// What a build is sent beside its query.
struct BuildBody {
  var dockerfileName: String
  var dockerfile: [UInt8]
  /// By id. They go to the engine's socket and nowhere else.
  var secrets: [(id: String, value: [UInt8])]
  var agents: AgentForwarder?
  var contexts: [NamedContext] = []

  var json: JSONValue {
    var json: JSONValue = [
      "dockerfile": ["name": .string(dockerfileName), "content": .string(Base64.encode(dockerfile))],
      "secrets": .map(secrets.map { ($0.id, Base64.encode($0.value)) }),
    ]
    if let agents { json["ssh"] = agents.json }
    if !contexts.isEmpty {
      json["contexts"] = .object(
        contexts.map { named in
          switch named.origin {
          case .folder(let walk): .init(name: named.name, value: ["context": .string(walk.id)])
          case .image(let image): .init(name: named.name, value: ["image": .string(image)])
          }
        })
    }
    return json
  }
}

extension Engine {
  private static let maximumMissing = 64 << 20

  /// Starts a build of a context that the engine may have from the last time; sends it what it lacks.
  func build(
    _ context: ContextWalk, query: [(String, String?)], body: BuildBody, fields: [(String, String)]
  ) throws(ClientError) -> Response {
    let query = query + [("context", context.id)]
    do {
      return try open(.post, "/build", query: query, json: body.json, fields: fields)
    } catch {
      // Only an unknown context is answered so before the build begins; what else is not there has no such cure.
      guard error.status == 404, error.message.hasPrefix("no such build context") else { throw error }
    }
    try send(context)
    for case .folder(let walk) in body.contexts.map(\.origin) { try send(walk) }
    return try open(.post, "/build", query: query, json: body.json, fields: fields)
  }

  /// Sends a context's list, then the contents that the engine asks for.
  func send(_ context: ContextWalk) throws(ClientError) {
    let connection = try Connection(to: address)
    let fields = [("Content-Type", "application/octet-stream"), ("Content-Length", String(context.list.count))]
    try connection.send(Self.head(.post, "/bulkhead/v1/contexts", [], fields) + context.list)
    let answer = try answer(on: connection).body.all(limit: Self.maximumMissing)
    let missing = String(decoding: answer, as: UTF8.self).split(separator: "\n").map(String.init)
    guard !missing.isEmpty else { return }
    let upload = try Connection(to: address)
    try upload.send(
      Self.head(
        .post, "/bulkhead/v1/contexts/\(context.id)/contents", [],
        [("Content-Type", "application/octet-stream"), ("Transfer-Encoding", "chunked")]))
    var pending: [UInt8] = []
    for digest in missing {
      let file = try context.open(digest)
      defer { close(file) }
      while true {
        let piece = try readPiece(file, upTo: Self.uploadPiece)
        if piece.isEmpty { break }
        pending += piece
        // Small files share a chunk.
        guard pending.count >= Self.uploadPiece else { continue }
        guard try transmit(Self.chunk(pending), on: upload) else { return try finish(upload) }
        pending = []
      }
    }
    let last = pending.isEmpty ? [] : Self.chunk(pending)
    _ = try transmit(last + Array("0\r\n\r\n".utf8), on: upload)
    try finish(upload)
  }

  private func finish(_ connection: Connection) throws(ClientError) {
    _ = try answer(on: connection).body.all(limit: Self.maximumLineBytes)
  }

  private static func chunk(_ bytes: [UInt8]) -> [UInt8] {
    Array((String(bytes.count, radix: 16) + "\r\n").utf8) + bytes + [13, 10]
  }
}
