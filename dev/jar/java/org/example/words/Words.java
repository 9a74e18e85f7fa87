package org.example.words;

/** Comes in a jar of its own. */
public class Words {
    public static String word() {
        return "helped";
    }
}
