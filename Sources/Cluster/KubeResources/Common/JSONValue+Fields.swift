import HTTPServing
import KubeMachinery

/// Fields by path; empty, zero or false where they are missing.
extension JSONValue {
  public func textAt(_ names: String...) -> String { self[path: names]?.text ?? "" }
  public func numberAt(_ names: String...) -> Int64 { self[path: names]?.integer ?? 0 }
  public func listAt(_ names: String...) -> [JSONValue] { self[path: names]?.items ?? [] }
  public func flagAt(_ names: String...) -> Bool { self[path: names]?.flag ?? false }
  public func has(_ name: String) -> Bool { self[name] != nil }

  /// Sets a field where it is missing or an empty text.
  public mutating func setDefault(_ name: String, _ value: JSONValue) {
    if self[name] == nil || self[name] == .string("") { self[name] = value }
  }

  /// Changes the items of a list within an object, where there is one.
  public mutating func changeItems(_ name: String, _ change: (inout JSONValue) -> Void) {
    guard case .array(var items) = self[name] else { return }
    for index in items.indices { change(&items[index]) }
    self[name] = .array(items)
  }

  /// Changes an object within an object, where there is one.
  public mutating func change(_ name: String, _ change: (inout JSONValue) -> Void) {
    guard var inner = self[name] else { return }
    change(&inner)
    self[name] = inner
  }
}
