import HTTPServing

/// What new objects are given, or refused for, because of objects of other kinds: whoever makes them, clients and controllers alike.
public protocol ObjectAdmission: Sendable {
  /// Completes an object that has its defaults and its name, before it is validated. What is added belongs to no field manager. Throws
  /// `StatusError` where the object may not be made.
  func complete(_ object: inout JSONValue, of kind: Kind, in store: any ObjectStore) async throws

  /// Looks at an object that was changed and is valid. Throws `StatusError` where it may not be so.
  func check(_ object: JSONValue, of kind: Kind, in store: any ObjectStore) async throws
}

extension ObjectAdmission {
  public func check(_ object: JSONValue, of kind: Kind, in store: any ObjectStore) async throws {}
}
