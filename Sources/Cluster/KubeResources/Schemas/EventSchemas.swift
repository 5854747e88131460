import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let event: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Event", "Something that happened to an object.",
    fields: [
      .kind,
      .apiVersion,
      Field(
        "metadata", .object(.objectMeta), "What every object says about itself.", isRequired: true, allowsEmpty: true),
      Field(
        "involvedObject", .object(.objectReference), "Object that the event is about.", isRequired: true,
        allowsEmpty: true),
      Field("reason", .string(), "Why it happened, in one word for programs."),
      Field("message", .string(), "What happened, for people."),
      Field("source", .object(.eventSource), "Who saw it."),
      Field("firstTimestamp", .time, "When it was seen first."),
      Field("lastTimestamp", .time, "When it was seen last."),
      Field("count", .integer(bits: 32), "How often it was seen."),
      Field("type", .string(), "Normal or Warning."),
      Field("eventTime", .microTime, "When it was seen first, to the microsecond."),
      Field("series", .object(.eventSeries), "Data of a row of the same events."),
      Field("action", .string(), "What was done or failed."),
      Field("related", .object(.objectReference), "Second object that the event is about."),
      Field("reportingComponent", .string(), "Name of the controller that tells.", isRequired: true, allowsEmpty: true),
      Field(
        "reportingInstance", .string(), "Which instance of the controller tells.", isRequired: true, allowsEmpty: true),
    ])

  static let eventSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.EventSource", "Where an event comes from.",
    fields: [
      Field("component", .string(), "Program that the event comes from."),
      Field("host", .string(), "Node that the event comes from."),
    ])

  static let eventSeries: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.EventSeries", "A row of the same events.",
    fields: [
      Field("count", .integer(bits: 32), "How often it was seen in this row."),
      Field("lastObservedTime", .microTime, "When it was seen last."),
    ])

  static let newEvent: ObjectSchema = ObjectSchema(
    "io.k8s.api.events.v1.Event", "Something that happened to an object.",
    fields: [
      .kind,
      .apiVersion,
      Field(
        "metadata", .object(.objectMeta), "What every object says about itself.", isRequired: true, allowsEmpty: true),
      Field(
        "eventTime", .microTime, "When it was seen first, to the microsecond.", isRequired: true, allowsEmpty: true),
      Field("series", .object(.newEventSeries), "Data of a row of the same events."),
      Field("reportingController", .string(), "Name of the controller that tells."),
      Field("reportingInstance", .string(), "Which instance of the controller tells."),
      Field("action", .string(), "What was done or failed."),
      Field("reason", .string(), "Why it happened, in one word for programs."),
      Field("regarding", .object(.objectReference), "Object that the event is about."),
      Field("related", .object(.objectReference), "Second object that the event is about."),
      Field("note", .string(), "What happened, for people."),
      Field("type", .string(), "Normal or Warning."),
      Field("deprecatedSource", .object(.eventSource), "Who saw it; for the older form of events."),
      Field("deprecatedFirstTimestamp", .time, "When it was seen first; for the older form."),
      Field("deprecatedLastTimestamp", .time, "When it was seen last; for the older form."),
      Field("deprecatedCount", .integer(bits: 32), "How often it was seen; for the older form."),
    ])

  static let newEventSeries: ObjectSchema = ObjectSchema(
    "io.k8s.api.events.v1.EventSeries", "A row of the same events.",
    fields: [
      Field("count", .integer(bits: 32), "How often it was seen in this row.", isRequired: true),
      Field("lastObservedTime", .microTime, "When it was seen last.", isRequired: true, allowsEmpty: true),
    ])
}
