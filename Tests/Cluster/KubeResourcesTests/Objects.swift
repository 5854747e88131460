import HTTPServing
import KubeMachinery
import KubeResources
import Testing

/// Documents of kinds on their way between client and storage.
enum Objects {
  static func kind(_ called: String) throws -> Kind {
    try #require(KindCatalog.all.kind(called: called), "no kind is called \(called)")
  }

  static func json(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

  /// Read, with defaults.
  static func read(_ called: String, _ text: String) throws -> JSONValue {
    let kind = try kind(called)
    var object = try kind.read(json(text)).object
    kind.applyDefaults(to: &object)
    return object
  }

  /// What is wrong with a new object.
  static func createErrors(_ called: String, _ text: String) throws -> [String] {
    let kind = try kind(called)
    var object = try read(called, text)
    kind.prepareCreate(&object)
    return kind.createErrors(object).map(\.text)
  }

  /// What is wrong with a change.
  static func updateErrors(_ called: String, from old: String, to new: String) throws -> [String] {
    let kind = try kind(called)
    var before = try read(called, old)
    kind.prepareCreate(&before)
    var after = try read(called, new)
    kind.prepareUpdate(&after, old: before)
    return kind.updateErrors(after, old: before).map(\.text)
  }

  static func cells(_ called: String, _ text: String, now: String = "2026-01-01T01:00:00Z") throws -> String {
    let kind = try kind(called)
    let moment = try #require(Timestamp(now))
    let cells = kind.table.cells(try json(text), moment)
    #expect(cells.count == kind.table.columns.count)
    return JSONValue.array(cells).encodedText
  }

  /// `spec.template` of what runs pods, and the selector for it.
  static let template =
    #""selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"c","image":"nginx"}]}}"#

  /// An object with a name within the namespace `n`.
  static func named(_ rest: String) -> String { #"{"metadata":{"name":"x","namespace":"n"},\#(rest)}"# }
}
