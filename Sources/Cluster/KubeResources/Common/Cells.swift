import HTTPServing
import KubeMachinery

/// Cells of tables that several kinds have, and how they are written. Source: Kubernetes `pkg/printers`, as kubectl shows it.
enum Cells {
  static let none = "<none>"

  static func name(_ object: JSONValue) -> JSONValue { .string(object.textAt("metadata", "name")) }
  static func age(_ object: JSONValue, _ now: Timestamp) -> JSONValue { .string(object.age(now)) }
  static func text(_ text: String, orElse missing: String = none) -> JSONValue {
    .string(text.isEmpty ? missing : text)
  }

  /// Names and images of the containers of a template.
  static func containers(_ podSpec: JSONValue?) -> (names: JSONValue, images: JSONValue) {
    let containers = podSpec?.listAt("containers") ?? []
    return (
      .string(containers.map { $0.textAt("name") }.joined(separator: ",")),
      .string(containers.map { $0.textAt("image") }.joined(separator: ","))
    )
  }

  /// `a=b,c=d`, sorted.
  static func labels(_ labels: JSONValue?) -> JSONValue {
    let pairs = (labels?.texts ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return text(pairs.joined(separator: ","))
  }

  static func selector(_ selector: JSONValue?) -> JSONValue {
    guard let selector else { return .string(none) }
    return text(LabelSelector(document: selector).description)
  }

  static func column(_ name: String, _ summary: String, wide: Bool = false) -> PrinterColumn {
    PrinterColumn(name, summary, priority: wide ? 1 : 0)
  }

  /// The wide columns of what has a template and a selector.
  static let templateColumns: [PrinterColumn] = [
    column("Containers", "Names of the containers.", wide: true),
    column("Images", "Images of the containers.", wide: true),
    column("Selector", "What selects the pods.", wide: true),
  ]
}
