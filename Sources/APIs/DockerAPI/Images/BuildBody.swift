import Builder
import FoundationEssentials
import Model

/// What `bulkhead build` sends beside its query when the context is known by its digest:
/// `{"dockerfile": {"name": "Dockerfile", "content": BASE64}, "secrets": {ID: BASE64}, "ssh": {"session": HEX, "ids": [ID]},
/// "contexts": {NAME: {"context": DIGEST}, NAME: {"image": NAME}}}`.
///
/// No error of this type quotes a value, so that no secret gets into an answer or a log.
struct BuildBody {
  private static let maximumSecrets = 64
  private static let maximumIDBytes = 256

  var dockerfile: (name: String, content: [UInt8])?
  var secrets: [String: [UInt8]] = [:]
  /// The agents that the client lends connections to, under the id that it made up for this build.
  var agents: (session: String, ids: Set<String>)?
  /// By what the Dockerfile calls them, in small letters.
  var contexts: [String: Named] = [:]

  enum Named: Equatable {
    /// Files that were sent before.
    case files(Digest)
    case image(String)
  }

  /// - Throws: `invalidArgument` where a member is not as above, `resourceExhausted` where it is too large.
  init(_ fields: JSONFields, limits: BuildLimits = BuildLimits()) throws {
    if let file = try fields.object("dockerfile") {
      guard let text = try file.string("content") else { throw file.failure("content", "is missing") }
      dockerfile = (
        try file.text("name") ?? "Dockerfile",
        try Self.decode(text, file.place("content"), limit: limits.dockerfileBytes)
      )
      try file.finish()
    }
    let sent = try fields.stringMap("secrets") ?? [:]
    guard sent.count <= Self.maximumSecrets else {
      throw PlatformError(.resourceExhausted, "secrets: at most \(Self.maximumSecrets) of them")
    }
    for (id, text) in sent {
      guard !id.isEmpty, id.utf8.count <= Self.maximumIDBytes else {
        throw fields.failure("secrets", "expected ids of 1 to \(Self.maximumIDBytes) bytes")
      }
      secrets[id] = try Self.decode(text, "secrets.\(id.prefix(64))", limit: limits.secretBytes)
    }
    if let ssh = try fields.object("ssh") {
      guard let session = try ssh.string("session") else { throw ssh.failure("session", "is missing") }
      agents = (session, Set(try ssh.strings("ids") ?? []))
      try ssh.finish()
    }
    if let contexts = try fields.object("contexts") { self.contexts = try Self.named(contexts) }
    try fields.finish()
  }

  private static func named(_ fields: JSONFields) throws -> [String: Named] {
    guard fields.names.count <= NamedContext.maximumCount else {
      throw PlatformError(.resourceExhausted, "contexts: at most \(NamedContext.maximumCount) of them")
    }
    var result: [String: Named] = [:]
    for name in fields.names {
      guard NamedContext.isName(name) else {
        throw fields.failure(
          String(name.prefix(64)), "expected a name of letters, digits and ._-/:@ that is no number and not 'scratch'")
      }
      guard let entry = try fields.object(name) else { continue }
      switch (try entry.text("context"), try entry.text("image")) {
      case (let digest?, nil): result[name.lowercased()] = .files(try Digest(parsing: digest))
      case (nil, let image?): result[name.lowercased()] = .image(image)
      default: throw fields.failure(name, "expected 'context' or 'image'")
      }
      try entry.finish()
    }
    return result
  }

  private static func decode(_ text: String, _ place: String, limit: Int) throws -> [UInt8] {
    guard let data = Data(base64Encoded: text) else {
      throw PlatformError(.invalidArgument, "\(place): expected base64")
    }
    guard data.count <= limit else {
      throw PlatformError(.resourceExhausted, "\(place): \(data.count) bytes are more than the \(limit) allowed")
    }
    return [UInt8](data)
  }
}
