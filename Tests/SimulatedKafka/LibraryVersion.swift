/// What stands for librdkafka.
public enum LibraryVersion {
    /// It has no number.
    public static var text: String { "simulated" }
}
