import KubeMachinery

/// The numbers that fields of documents have in protobuf. Source: the `protobuf` tags of Kubernetes' API types.
///
/// A line for each message: its name as OpenAPI knows it without what comes before the group, then `field=number` for each field,
/// with a star where a zero is a value of its own, and `Message~number` for a message whose fields stand in the document itself.
enum ProtobufNumbers {
  enum Entry: Sendable, Equatable {
    /// `keepsZero`: a zero, an empty text or a false was said by the client; else it says nothing.
    case field(name: String, keepsZero: Bool)
    /// Its fields are those of the object around it.
    case inline(message: String)
  }

  /// By message, then by number.
  static let messages: [String: [UInt64: Entry]] = {
    var messages: [String: [UInt64: Entry]] = [:]
    for table in [core, groups] {
      var message = ""
      for line in table.split(separator: "\n") {
        var words = line.split(separator: " ")
        if line.first != " " { message = String(words.removeFirst()) }
        for word in words {
          guard let (number, entry) = entry(word, of: message) else { continue }
          messages[message, default: [:]][number] = entry
        }
      }
    }
    return messages
  }()

  private static func entry(_ word: Substring, of message: String) -> (UInt64, Entry)? {
    if let tilde = word.firstIndex(of: "~"), let number = UInt64(word[word.index(after: tilde)...]) {
      let group = message.split(separator: ".").dropLast().joined(separator: ".")
      return (number, .inline(message: "\(group).\(word[..<tilde])"))
    }
    let parts = word.split(separator: "=")
    guard parts.count == 2 else { return nil }
    let keepsZero = parts[1].last == "*"
    guard let number = UInt64(keepsZero ? parts[1].dropLast() : parts[1]) else { return nil }
    return (number, .field(name: String(parts[0]), keepsZero: keepsZero))
  }

  /// `core.v1.PodSpec` of `io.k8s.api.core.v1.PodSpec`.
  static func message(of schema: ObjectSchema) -> String {
    schema.name.split(separator: ".").suffix(3).joined(separator: ".")
  }
}
