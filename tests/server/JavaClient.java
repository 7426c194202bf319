import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

/** Sends requests as the JDK's own client does unless it is told otherwise: with an offer of h2c. Prints each answer. */
public class JavaClient {
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    public static void main(String[] arguments) throws Exception {
        String address = arguments[0], key = arguments[1];
        for (int number = 3; number < arguments.length; number++) {
            byte[] body = arguments[number].getBytes("UTF-8");
            send(address + arguments[2], key, BodyPublishers.ofByteArray(body));
            send(address + arguments[2], key, BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body)));
        }
        send(address + "/v1/models", key, null);
    }

    private static void send(String url, String key, BodyPublisher body) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url)).header("authorization", "Bearer " + key);
        if (body != null) {
            request.header("content-type", "application/json").POST(body);
        }
        var answer = CLIENT.send(request.build(), BodyHandlers.ofString());
        System.out.println(answer.version() + " " + answer.statusCode() + " " + answer.body());
    }
}
