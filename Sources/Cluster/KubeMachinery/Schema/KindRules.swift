import HTTPServing

/// What a kind does with its objects beyond what its schema says. Pure functions: they know no clock and no other object.
///
/// They run after the walks of the schema: fields have the declared types, and defaults are in place.
public struct KindRules: Sendable {
  public typealias Change = @Sendable (_ object: inout JSONValue) -> Void
  public typealias Preparation = @Sendable (_ object: inout JSONValue, _ old: JSONValue) -> Void
  public typealias Check = @Sendable (_ object: JSONValue) -> [FieldError]
  public typealias Completion =
    @Sendable (_ object: inout JSONValue, _ old: JSONValue?, _ others: [JSONValue]) -> [FieldError]
  public typealias Comparison = @Sendable (_ object: JSONValue, _ old: JSONValue) -> [FieldError]

  /// What is wrong with a name, or with the prefix of one (`generateName`).
  public let nameProblems: @Sendable (_ name: String, _ isPrefix: Bool) -> [String]
  /// Defaults that depend on other fields. Runs on what clients send and on what is stored.
  public let defaults: Change
  /// Before a new object is validated: what a client cannot set is reset.
  public let prepareCreate: Change
  /// Before a changed object is validated: what a client cannot change is put back.
  public let prepareUpdate: Preparation
  /// The same for changes of the status alone. The machinery has put everything but the status and the metadata back already.
  public let prepareStatusUpdate: Preparation
  /// Fields that depend on all other objects of the kind, such as addresses that each has for itself; nil where there are none. No other
  /// object of the kind is made or changed meanwhile. Gives what is wrong with what the client wants there.
  public let complete: Completion?
  /// What is wrong with a new object.
  public let validate: Check
  /// What is wrong with a change; `validate` is asked for the new object too where `validatesWholeOnUpdate`.
  public let validateUpdate: Comparison
  public let validateStatusUpdate: Comparison
  public let validatesWholeOnUpdate: Bool
  /// Whether a new object may bring its status along, as node agents do when they register.
  public let keepsNewStatus: Bool
  /// How long an object may take for its end once it is deleted, in seconds, where the client wishes so many or says nothing; 0: it goes
  /// at once.
  public let graceSeconds: @Sendable (_ object: JSONValue, _ wished: Int64?) -> Int64
  /// What becomes of its dependents where a client that deletes it does not say.
  public let propagation: DeleteOptions.Propagation?
  /// Whether something of the object's own (`spec.finalizers` of a namespace) keeps it when its finalizers are gone.
  public let holdsBack: @Sendable (_ object: JSONValue) -> Bool
  /// What changes in an object that is deleted and has to wait for that.
  public let beginDeletion: Change
  /// What the client should know though it is allowed: goes into `Warning` headers.
  public let warnings: @Sendable (_ object: JSONValue) -> [String]

  public init(
    nameProblems: @escaping @Sendable (_ name: String, _ isPrefix: Bool) -> [String],
    defaults: @escaping Change = { _ in },
    prepareCreate: @escaping Change = { _ in },
    prepareUpdate: @escaping Preparation = { _, _ in },
    prepareStatusUpdate: @escaping Preparation = { _, _ in },
    complete: Completion? = nil,
    validate: @escaping Check = { _ in [] },
    validateUpdate: @escaping Comparison = { _, _ in [] },
    validateStatusUpdate: @escaping Comparison = { _, _ in [] },
    validatesWholeOnUpdate: Bool = true,
    keepsNewStatus: Bool = false,
    graceSeconds: @escaping @Sendable (_ object: JSONValue, _ wished: Int64?) -> Int64 = { _, _ in 0 },
    propagation: DeleteOptions.Propagation? = nil,
    holdsBack: @escaping @Sendable (_ object: JSONValue) -> Bool = { _ in false },
    beginDeletion: @escaping Change = { _ in },
    warnings: @escaping @Sendable (_ object: JSONValue) -> [String] = { _ in [] }
  ) {
    self.nameProblems = nameProblems
    self.defaults = defaults
    self.prepareCreate = prepareCreate
    self.prepareUpdate = prepareUpdate
    self.prepareStatusUpdate = prepareStatusUpdate
    self.complete = complete
    self.validate = validate
    self.validateUpdate = validateUpdate
    self.validateStatusUpdate = validateStatusUpdate
    self.validatesWholeOnUpdate = validatesWholeOnUpdate
    self.keepsNewStatus = keepsNewStatus
    self.graceSeconds = graceSeconds
    self.propagation = propagation
    self.holdsBack = holdsBack
    self.beginDeletion = beginDeletion
    self.warnings = warnings
  }
}
