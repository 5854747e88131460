import HTTPServing

/// What happens to a document of a kind between client and storage. The callers do it in this order: read, defaults, prepare,
/// validate.
extension Kind {
  /// What a client sent, brought into the kind's form. `complaints` are refused, told or dropped as the request says.
  /// Throws the message that goes with 400.
  public func read(_ document: JSONValue) throws(DocumentError) -> ReadDocument {
    do {
      return try DocumentReader.read(document, as: schema)
    } catch {
      throw refusal(error.message)
    }
  }

  /// `complaints` as the one error of a strict request.
  public func strictRefusal(_ complaints: [String]) -> DocumentError {
    refusal("strict decoding error: \(complaints.joined(separator: ", "))")
  }

  private func refusal(_ reason: String) -> DocumentError {
    DocumentError(
      message: "\(name.kind) in version \"\(name.version)\" cannot be handled as a \(name.kind): \(reason)")
  }

  public func applyDefaults(to object: inout JSONValue) {
    // What is empty there is not there.
    for name in ["labels", "annotations", "finalizers", "ownerReferences"] {
      if let value = object["metadata"]?[name], value.isEmpty { object["metadata"]?[name] = nil }
    }
    schema.applyDefaults(to: &object)
    rules.defaults(&object)
  }

  public func prepareCreate(_ object: inout JSONValue) {
    if hasStatus, !rules.keepsNewStatus || object["status"] == nil {
      object["status"] = schema.field("status")?.defaultValue ?? .object([])
    }
    if countsGenerations { object.set(generation: 1) } else { object.set(generation: nil) }
    rules.prepareCreate(&object)
  }

  public func prepareUpdate(_ object: inout JSONValue, old: JSONValue) {
    if hasStatus { object["status"] = old["status"] }
    rules.prepareUpdate(&object, old)
    let generation = old["metadata"]?["generation"]?.integer
    guard countsGenerations else {
      object.set(generation: generation)
      return
    }
    let isChanged = schema.fields.contains { field in
      !["apiVersion", "kind", "metadata", "status"].contains(field.name) && differs(object, old, field.name)
    }
    let isNewlyDeleted =
      object["metadata"]?["deletionTimestamp"] != nil && old["metadata"]?["deletionTimestamp"] == nil
    object.set(generation: (generation ?? 0) + (isChanged || isNewlyDeleted ? 1 : 0))
  }

  private func differs(_ one: JSONValue, _ other: JSONValue, _ name: String) -> Bool {
    switch (one[name], other[name]) {
    case (nil, nil): false
    case (let left?, let right?): !left.means(right)
    case (let value?, nil), (nil, let value?): !value.isEmpty
    }
  }

  /// Everything but the status is put back.
  public func prepareStatusUpdate(_ object: inout JSONValue, old: JSONValue) {
    let status = object["status"]
    let metadata = object["metadata"]
    object = old
    object["status"] = status
    // Managed fields follow the write; labels and annotations of a status update are taken by no kind.
    if let fields = metadata?["managedFields"] { object["metadata"]?["managedFields"] = fields }
    if let version = metadata?["resourceVersion"] { object["metadata"]?["resourceVersion"] = version }
    rules.prepareStatusUpdate(&object, old)
  }

  public func createErrors(_ object: JSONValue) -> [FieldError] {
    let errors =
      MetadataRules.errors(object["metadata"], of: self)
      + schema.structuralErrors(in: object, skipping: Self.unchecked) + rules.validate(object)
    return Self.bounded(errors)
  }

  public func updateErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    var errors = MetadataRules.updateErrors(object["metadata"], old: old["metadata"], of: self)
    if rules.validatesWholeOnUpdate {
      errors += schema.structuralErrors(in: object, skipping: Self.unchecked)
      errors += rules.validate(object)
    }
    return Self.bounded(errors + rules.validateUpdate(object, old))
  }

  public func statusUpdateErrors(_ object: JSONValue, old: JSONValue) -> [FieldError] {
    let errors =
      MetadataRules.updateErrors(object["metadata"], old: old["metadata"], of: self)
      + rules.validateStatusUpdate(object, old)
    return Self.bounded(errors)
  }

  private static let unchecked: Set<String> = ["metadata", "status"]

  /// Each once: two rules may find the same.
  private static func bounded(_ errors: [FieldError]) -> [FieldError] {
    var kept: [FieldError] = []
    for error in errors where kept.count < FieldError.maxCount && !kept.contains(error) { kept.append(error) }
    return kept
  }
}

extension JSONValue {
  fileprivate mutating func set(generation: Int64?) {
    if generation == nil, self["metadata"]?["generation"] == nil { return }
    self["metadata", default: .object([])]["generation"] = generation.map { .integer($0) }
  }

  private subscript(_ name: String, default missing: JSONValue) -> JSONValue {
    get { self[name] ?? missing }
    set { self[name] = newValue }
  }
}
