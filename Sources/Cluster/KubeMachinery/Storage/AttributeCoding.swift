import FoundationEssentials
import HTTPServing

/// Attributes as bytes of a record: labels and fields as an array of two objects; nothing where there are none.
extension ObjectAttributes {
  func encoded() -> Data? {
    if isEmpty { return nil }
    return Data(JSONValue.array([.texts(labels), .texts(fields)]).encoded())
  }

  init(encoded bytes: Data?) throws {
    self.init()
    guard let bytes else { return }
    let parts = try JSONParser.parse(checked: Array(bytes)).items
    labels = parts.first?.texts ?? [:]
    fields = parts.dropFirst().first?.texts ?? [:]
  }
}
