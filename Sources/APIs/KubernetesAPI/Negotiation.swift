import HTTPServing
import KubeMachinery

/// In which form an answer is wanted, by the `Accept` header. Source: Kubernetes *API concepts*, *Alternate representations*.
struct Negotiation: Equatable {
  enum Form: Equatable {
    case object
    /// `as=Table`
    case table
    /// `as=PartialObjectMetadata`, `as=PartialObjectMetadataList`
    case metadata
  }

  let form: Form
  /// Of the answer. JSON is YAML too, so that YAML is answered in JSON's form.
  let contentType: String

  static let maxEntries = 32
  static let mediaTypes = ["application/json", "application/yaml"]

  /// One entry of the header.
  struct Entry: Equatable {
    let mediaType: String
    let parameters: [String: String]

    static func all(_ header: String) -> [Entry] {
      header.split(separator: ",").prefix(maxEntries).map { text in
        let parts = text.split(separator: ";").map { $0.trimmingBlanks() }
        var parameters: [String: String] = [:]
        for part in parts.dropFirst() {
          let pair = part.split(separator: "=", maxSplits: 1)
          if pair.count == 2 { parameters[pair[0].lowercased()] = String(pair[1]) }
        }
        return Entry(mediaType: (parts.first ?? "").lowercased(), parameters: parameters)
      }
    }
  }

  /// The first entry that can be served; nil where there is none (406).
  init?(_ header: String) {
    let entries = Entry.all(header)
    if entries.isEmpty {
      self.init(form: .object, contentType: Self.mediaTypes[0])
      return
    }
    for entry in entries {
      guard let contentType = Self.contentType(entry.mediaType), let form = Self.form(entry) else {
        continue
      }
      self.init(form: form, contentType: contentType)
      return
    }
    return nil
  }

  init(form: Form, contentType: String) {
    self.form = form
    self.contentType = contentType
  }

  private static func contentType(_ mediaType: String) -> String? {
    switch mediaType {
    case "*/*", "application/*", "application/json": mediaTypes[0]
    case "application/yaml": mediaTypes[1]
    default: nil
    }
  }

  private static func form(_ entry: Entry) -> Form? {
    guard let wanted = entry.parameters["as"] else { return .object }
    guard entry.parameters["g"] == "meta.k8s.io", entry.parameters["v"] == "v1" else { return nil }
    switch wanted {
    case "Table": return .table
    case "PartialObjectMetadata", "PartialObjectMetadataList": return .metadata
    default: return nil
    }
  }
}

extension StringProtocol {
  func trimmingBlanks() -> String {
    let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    let text = Substring(self)
    guard let first = text.utf8.firstIndex(where: { !isBlank($0) }),
      let last = text.utf8.lastIndex(where: { !isBlank($0) })
    else { return "" }
    return String(text[first...last])
  }
}
